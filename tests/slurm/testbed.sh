#!/usr/bin/env bash
#
# A real Slurm cluster on one machine, for tests: its own munge, one controller, a few nodes, an ordinary user.
#
#   testbed.sh up DIR [accounting]  bring it up and wait until every node is idle; harmless if it is up already
#   testbed.sh down DIR             end it and remove every trace; harmless if there is nothing
#   testbed.sh status DIR           say what runs; succeeds only if every node answers
#   testbed.sh start DIR WHAT       start `controller` or a node again after a test killed it
#
# With accounting there are a database and slurmdbd, and limits hold (`accounting.sh`); that takes some seconds more.
#
# Everything lives in DIR and is found through SLURM_CONF=DIR/slurm.conf alone; DIR/env says the rest. Ports, node
# names and the user's name come from a hash of DIR, so that several testbeds may run side by side.
#
# As root, jobs belong to a user made for this testbed; otherwise to whoever calls. The nodes confine their jobs
# with cgroups where the machine lets them. Where it does not, that is said on stderr and in DIR/mode.
# TESTBED_MODE=cgroup/v1, cgroup/v2 or linuxproc insists on one of them.

set -euo pipefail

readonly slots=6               # CPUs of the whole cluster: four workers of one core, a driver, and one to spare
readonly memory=8000           # MiB of each node, whatever the machine has
readonly deadline=40           # seconds for anything that is waited for

# shellcheck source=tests/slurm/accounting.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/accounting.sh"

main() {
    [[ $# -ge 2 ]] || usage
    local command=$1
    name_everything "$2"
    case $command in
        up) [[ ${3-accounting} == accounting ]] || usage; accounting=${3-}; up ;;
        down) down ;;
        status) status ;;
        start) [[ $# -eq 3 ]] || usage; start "$3" ;;
        *) usage ;;
    esac
}

usage() {
    sed -n '3,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

say() { printf 'testbed: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Everything that identifies this testbed follows from the directory, so that `down` needs no memory of `up`.
name_everything() {
    dir=$(realpath --canonicalize-missing -- "$1")
    conf=$dir/slurm.conf
    local hash
    hash=$(printf '%s' "$dir" | sha256sum)
    hash=${hash:0:8}
    first_port=$((20000 + 16#$hash % 1200 * 10))
    cpus=$(getconf _NPROCESSORS_ONLN)
    cpus=$((cpus > 2 ? 2 : cpus)) # task/affinity binds to real CPUs: a node may not claim more than there are
    node_prefix=node-${hash:0:6}-
    node_count=$((slots / cpus))
    nodes=()
    local number
    for ((number = 1; number <= node_count; number++)); do nodes+=("$node_prefix$number"); done
    if is_root; then user=squall-$hash; else user=$(id -un); fi
    # Debian keeps the daemons where an ordinary user's PATH does not look.
    PATH=$PATH:/usr/sbin:/sbin
    unset "${!SLURM_@}" "${!SINFO_@}" "${!SRUN_@}"
    export SLURM_CONF=$conf
}

is_root() { [[ $(id -u) -eq 0 ]]; }

as_user() {
    if is_root; then
        setpriv --reuid "$user" --regid "$user" --init-groups -- "$@"
    else
        "$@"
    fi
}

# ---- commands ------------------------------------------------------------------------------------------------

up() {
    local program
    for program in munged mungekey slurmctld slurmd sinfo srun ${accounting:+"${accounting_programs[@]}"}; do
        command -v "$program" >/dev/null || fail "$program is not installed"
    done
    # A socket's path holds 107 bytes; the longest here is DIR/munge/socket and the node's in DIR/spool.
    [[ ${#dir} -le 60 ]] || fail "the path is too long for unix sockets, choose a shorter one: $dir"
    if is_up; then
        say "already up in $dir"
        return
    fi
    if [[ -e $dir && ! -e $dir/.testbed && -n $(ls -A -- "$dir") ]]; then
        fail "$dir holds something else"
    fi
    down # what a crash left, if anything
    trap down EXIT
    local mode
    for mode in $(modes); do
        if bring_up "$mode"; then
            trap - EXIT
            say "up in $dir: ${#nodes[@]} nodes of $cpus CPUs, jobs of user $user, $mode"
            return
        fi
        show_logs
        down
        say "NO TESTBED WITH $mode on this machine"
    done
    fail "Slurm could not be brought up"
}

down() {
    end_processes
    remove_cgroups
    if is_root && id -- "$user" >/dev/null 2>&1; then
        userdel -- "$user" 2>/dev/null || fail "the user $user could not be removed"
    fi
    if [[ -e $dir/.testbed ]]; then rm -rf -- "$dir"; fi
}

status() {
    [[ -e $dir/.testbed ]] || fail "no testbed in $dir"
    printf 'mode %s, user %s\n' "$(cat "$dir/mode")" "$user"
    ours | sort -n | while read -r pid; do printf '%8d %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline")"; done
    sinfo
    is_up
}

start() {
    if [[ $1 == controller ]]; then
        slurmctld -f "$conf"
    else
        slurmd -N "$1" -f "$conf"
    fi
}

# ---- up ------------------------------------------------------------------------------------------------------

# The ways to confine jobs, best first.
modes() {
    if [[ -n ${TESTBED_MODE:-} ]]; then
        echo "$TESTBED_MODE"
        return
    fi
    if is_root && [[ -d /sys/fs/cgroup/memory && -d /sys/fs/cgroup/cpuset && -d /sys/fs/cgroup/freezer ]]; then
        echo cgroup/v1
    elif is_root && grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then
        echo cgroup/v2
    fi
    echo linuxproc
}

bring_up() {
    local mode=$1
    make_user_and_directories
    echo "$mode" >"$dir/mode"
    write_conf "$mode" || return 1
    start_munge || return 1
    if [[ -n $accounting ]]; then start_accounting || return 1; fi
    start controller || return 1
    local node
    for node in "${nodes[@]}"; do start "$node" || return 1; done
    wait_for "idle nodes" all_idle || return 1
    probe "$mode" || return 1
}

make_user_and_directories() {
    umask 022
    mkdir -p -- "$dir"
    touch "$dir/.testbed"
    chmod 0755 "$dir"
    mkdir "$dir"/{munge,state,spool,run,log,bin,home,work}
    if is_root; then
        useradd --user-group --no-create-home --home-dir "$dir/home" --shell /bin/bash -- "$user" ||
            fail "the user $user could not be made"
        chown "$user:$user" "$dir/home"
    fi
    as_user test -x "$dir" || fail "the user $user cannot enter $dir: a directory above it is closed to others"
    cat >"$dir/env" <<END
SLURM_CONF=$conf
TESTBED_USER=$user
TESTBED_UID=$(id -u -- "$user")
TESTBED_GID=$(id -g -- "$user")
TESTBED_NODES="${nodes[*]}"
END
}

write_conf() {
    local mode=$1 port confinement
    port=$(free_ports) || return 1
    if [[ $mode == linuxproc ]]; then
        confinement="ProctrackType=proctrack/linuxproc
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill"
    else
        confinement="ProctrackType=proctrack/cgroup
TaskPlugin=task/affinity,task/cgroup
JobAcctGatherType=jobacct_gather/cgroup"
        cgroup_conf "$mode" >"$dir/cgroup.conf"
    fi
    cat >"$conf" <<END
ClusterName=testbed
SlurmctldHost=localhost
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
SlurmctldPort=$port
StateSaveLocation=$dir/state
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdSpoolDir=$dir/spool/%n
SlurmdPidFile=$dir/run/%n.pid
SlurmdLogFile=$dir/log/%n.log
SlurmdParameters=config_overrides
MailProg=/bin/true
$confinement
JobAcctGatherFrequency=task=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
SlurmdTimeout=10
KillWait=5
MinJobAge=30
MaxArraySize=50
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
NodeName=${node_prefix}[1-$node_count] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + node_count))] CPUs=$cpus RealMemory=$memory
PartitionName=DEFAULT Nodes=ALL DefMemPerCPU=256 PreemptMode=OFF
PartitionName=main Default=YES
PartitionName=short MaxTime=2
PartitionName=closed State=DOWN
END
    if [[ -n $accounting ]]; then accounting_conf "$((port + node_count + 1))"; fi
}

cgroup_conf() {
    cat <<END
CgroupPlugin=$1
CgroupMountpoint=/sys/fs/cgroup
ConstrainCores=yes
ConstrainRAMSpace=yes
END
    # Without systemd nobody would make the scope for slurmd.
    if [[ $1 == cgroup/v2 ]]; then echo IgnoreSystemd=yes; fi
}

# The first of a run of free ports, below those that the kernel gives to clients.
free_ports() {
    local attempt port base
    for ((attempt = 0; attempt < 20; attempt++)); do
        base=$(((first_port - 20000 + attempt * 10) % 12000 + 20000))
        for ((port = base; port <= base + node_count + 1; port++)); do
            if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue 2; fi
        done
        echo "$base"
        return
    done
    say "no free ports from $first_port on"
    return 1
}

start_munge() {
    local munged=(munged --force --key-file "$dir/munge/key" --socket "$dir/munge/socket"
        --pid-file "$dir/munge/pid" --log-file "$dir/munge/log" --seed-file "$dir/munge/seed")
    (umask 077 && mungekey --create --keyfile "$dir/munge/key")
    # --force, because whose directories lie above DIR is not up to the testbed.
    if is_root && id munge >/dev/null 2>&1; then
        chown -R munge: "$dir/munge"
        setpriv --reuid munge --regid munge --clear-groups -- "${munged[@]}" 2>"$dir/log/munged"
    else
        "${munged[@]}" 2>"$dir/log/munged"
    fi
    wait_for "munge's socket" test -S "$dir/munge/socket"
}

all_idle() {
    local states
    states=$(sinfo --noheader --Node --partition main --format %T 2>/dev/null) || return 1
    [[ $(grep -cx idle <<<"$states") -eq $node_count ]]
}

# Like all_idle, but jobs may be running.
is_up() {
    [[ -e $dir/.testbed ]] || return 1
    local states
    states=$(timeout 5 sinfo --noheader --Node --partition main --format %T 2>/dev/null) || return 1
    [[ $(grep -cxE 'idle|mixed|allocated|completing' <<<"$states") -eq $node_count ]]
}

# Nodes that say they are idle need not be able to run a job, nor to confine it.
probe() {
    local mode=$1 groups
    groups=$(cd / && as_user timeout "$deadline" srun --quiet --mem=100M cat /proc/self/cgroup) || {
        say "a first job fails"
        return 1
    }
    [[ $mode == linuxproc || $groups == *"$node_prefix"* ]] || {
        say "a job is not in the cgroup of its node"
        return 1
    }
    forget_jobs
}

# The controller begins anew. It would know the first job for a while, and if it were killed before it saves its
# state, it would believe that the job still runs.
forget_jobs() {
    local pid
    pid=$(<"$dir/run/slurmctld.pid")
    kill -KILL "$pid"
    wait_for "the end of slurmctld" is_gone "$pid" || return 1
    rm -rf -- "$dir"/state/*
    start controller || return 1
    wait_for "idle nodes" all_idle
}

# Not `kill -0`: a zombie may stay for some seconds where nobody hurries to bury it.
is_gone() { ! grep -qs . "/proc/$1/cmdline"; }

wait_for() {
    local what=$1 end=$((SECONDS + deadline))
    shift
    until "$@"; do
        if ((SECONDS >= end)); then
            say "waited $deadline s in vain for $what"
            return 1
        fi
        sleep 0.05
    done
}

show_logs() {
    local log
    sinfo --Node >&2 || true
    for log in "$dir"/log/* "$dir"/munge/log; do
        [[ -s $log ]] || continue
        printf -- '---- the last lines of %s\n' "$log" >&2
        tail -n 15 "$log" >&2
    done
}

# ---- down ----------------------------------------------------------------------------------------------------

# Slurm's state is deleted next, so that nothing is gained by ending in order: everything is killed, until a look
# around finds nothing (a daemon may have started one more step since the last look).
end_processes() {
    local end=$((SECONDS + deadline)) pids state
    for state in /sys/fs/cgroup/freezer/slurm_"$node_prefix"*; do
        [[ -e $state ]] && thaw "$state"
    done
    while pids=$(ours) && [[ -n $pids ]]; do
        ((SECONDS < end)) || fail "these processes do not die: ${pids//$'\n'/ }"
        # shellcheck disable=SC2086  # one argument a process
        kill -KILL $pids 2>/dev/null || true
        sleep 0.02
    done
}

# Frozen processes cannot die.
thaw() {
    find "$1" -name freezer.state -exec sh -c 'echo THAWED >"$1"' sh {} \; 2>/dev/null || true
}

# This testbed's processes, a line each: the daemons, which hold files open in DIR, and the jobs. Zombies are dead.
ours() {
    local uid file name='' state='' field value
    uid=$(id -u -- "$user" 2>/dev/null) || uid=none
    while IFS=$': \t' read -r file field value _; do
        case $field in
            Name) name=$value ;;
            State) state=$value ;;
            Uid) if [[ $state != Z ]] && is_ours "${file%/status}" "$name" "$value" "$uid"; then basename "${file%/status}"; fi ;;
        esac
    done < <(grep -sE '^(Name|State|Uid):' /proc/[0-9]*/status)
}

# The user that root made has no other processes; whoever is not root has, but not with a job's environment.
is_ours() {
    local process=$1 name=$2 uid=$3 users_uid=$4
    if [[ $name == slurm* || $name == munged || $name == mariadbd ]]; then
        grep -qsaF -- "$dir/" "$process/cmdline" || find "$process/fd" "$process/cwd" -lname "$dir/*" 2>/dev/null | grep -q .
    elif is_root; then
        [[ $uid == "$users_uid" ]]
    else
        grep -qszxF "SLURM_CONF=$conf" "$process/environ" && grep -qsz '^SLURM_JOB_ID=' "$process/environ"
    fi
}

remove_cgroups() {
    local end=$((SECONDS + deadline)) groups
    while groups=$(cgroups) && [[ -n $groups ]]; do
        ((SECONDS < end)) || fail "these cgroups cannot be removed: ${groups//$'\n'/ }"
        # shellcheck disable=SC2086  # one argument a group, none with blanks
        rmdir $groups 2>/dev/null || sleep 0.02
    done
}

cgroups() {
    find /sys/fs/cgroup -depth -type d -path "*$node_prefix*" 2>/dev/null || true
}

main "$@"
