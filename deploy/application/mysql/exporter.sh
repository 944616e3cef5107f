# The server's image sources this when it makes its data: the account that the
# exporter logs in with.
password=$(sed -n 's/^password *= *//p' /run/secrets/mysql_exporter)
docker_process_sql --database=mysql <<SQL
CREATE USER exporter@'%' IDENTIFIED BY '$password' WITH MAX_USER_CONNECTIONS 8;
GRANT SELECT, PROCESS, BINLOG MONITOR, SLAVE MONITOR ON *.* TO exporter@'%';
SQL
unset password
