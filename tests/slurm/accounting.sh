#!/usr/bin/env bash
#
# Accounting of a testbed's own, sourced by testbed.sh: a MariaDB on a socket in DIR, slurmdbd, one account, and one
# tight QOS, which the user may name beside the one that all have.
#
# The programs are Debian's; none of the machine's own databases is touched. What is made here ends with `down`.

# shellcheck disable=SC2154  # dir, conf, user and others are testbed.sh's

# shellcheck disable=SC2034  # testbed.sh looks for them
readonly accounting_programs=(mariadb-install-db mariadbd slurmdbd sacctmgr sacct)

# What slurm.conf says of it, and slurmdbd.conf. Jobs are forgotten soon after their end: accounting knows them.
accounting_conf() {
    local port=$1
    sed -i 's/^MinJobAge=.*/MinJobAge=2/' "$conf"
    cat >>"$conf" <<END
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=$port
AccountingStoragePass=$dir/munge/socket
AccountingStorageEnforce=limits,qos
END
    # slurmdbd insists on the mode.
    (umask 077 && cat >"$dir/slurmdbd.conf") <<END
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
DbdHost=localhost
DbdPort=$port
SlurmUser=$(id -un)
PidFile=$dir/run/slurmdbd.pid
LogFile=$dir/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
END
}

start_accounting() {
    start_database || return 1
    MYSQL_UNIX_PORT=$dir/db/socket slurmdbd || return 1
    wait_for "slurmdbd" accounting_answers || return 1
    {
        sacctmgr --immediate add cluster testbed &&
            sacctmgr --immediate add account lessons Cluster=testbed &&
            sacctmgr --immediate add qos tight MaxSubmitJobsPerUser=2 MaxWall=5 &&
            sacctmgr --immediate add user "$user" Account=lessons QOS=normal,tight DefaultQOS=normal
    } >"$dir/log/sacctmgr.log" 2>&1
}

accounting_answers() { sacctmgr --noheader list cluster >/dev/null 2>&1; }

# Whoever can open the socket is its root: nobody else can enter the directory. Nothing has to outlive a crash.
start_database() {
    local options=(--no-defaults "--datadir=$dir/db/data" "--user=$(id -un)" --innodb-buffer-pool-size=8M
        --innodb-log-file-size=8M)
    (umask 077 && mkdir -- "$dir/db")
    mariadb-install-db "${options[@]}" --skip-test-db --auth-root-authentication-method=normal \
        >"$dir/log/mariadb-install-db.log" 2>&1 || return 1
    mariadbd "${options[@]}" --skip-networking --skip-grant-tables "--socket=$dir/db/socket" \
        "--pid-file=$dir/run/mariadbd.pid" --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync \
        >"$dir/log/mariadbd.log" 2>&1 &
    wait_for "the database's socket" test -S "$dir/db/socket"
}
