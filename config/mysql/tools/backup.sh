#!/bin/bash
# Writes the books to standard output, compressed, as they are at one moment; money may move
# meanwhile. docker compose exec -T mysql /tools/backup.sh > FILE
set -euo pipefail

export MYSQL_PWD=$MYSQL_ROOT_PASSWORD
# Notes where in the binary log that moment is; MySQL and MariaDB have different names for it.
position=--source-data=2
mysqldump --help | grep -- --source-data > /dev/null || position=--master-data=2

mysqldump --protocol=socket --user=root --single-transaction --triggers --hex-blob \
    --no-tablespaces --default-character-set=utf8mb4 "$position" "$MYSQL_DATABASE" | gzip
