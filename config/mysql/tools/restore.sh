#!/bin/bash
# Puts a backup, read from standard input, in the place of the books. What was in the database is
# gone: stop the application first. docker compose exec -T mysql /tools/restore.sh < FILE
set -euo pipefail

export MYSQL_PWD=$MYSQL_ROOT_PASSWORD
client=(mysql --protocol=socket --user=root --default-character-set=utf8mb4)

"${client[@]}" --execute="DROP DATABASE IF EXISTS \`$MYSQL_DATABASE\`;
    CREATE DATABASE \`$MYSQL_DATABASE\` CHARACTER SET utf8mb4"
# The last line of a whole backup says that it is one.
gunzip | LC_ALL=C awk '{ print } END { exit $0 !~ /^-- Dump completed/ }' \
    | "${client[@]}" --database="$MYSQL_DATABASE" \
    || { echo "The backup was not read to its end: the books are NOT restored." >&2; exit 1; }
