#!/bin/bash
# Writes the books to standard output, compressed, as they are at one moment; money may move
# meanwhile. docker compose exec -T mysql /tools/backup.sh > FILE
set -euo pipefail

export MYSQL_PWD=$MYSQL_ROOT_PASSWORD
# The note on where in the binary log that moment is; MariaDB has another name for it. Identifiers of
# transactions (GTIDs) are left out: a server takes them only while it has none of its own.
extra=(--source-data=2 --set-gtid-purged=OFF)
mysqldump --help | grep -- --source-data > /dev/null || extra=(--master-data=2)

mysqldump --protocol=socket --user=root --single-transaction --triggers --hex-blob \
    --no-tablespaces --default-character-set=utf8mb4 "${extra[@]}" "$MYSQL_DATABASE" | gzip
