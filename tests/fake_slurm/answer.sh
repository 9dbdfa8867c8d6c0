# Sourced by the fake commands: notes the call, then answers as the test has written.
#
# A test makes a directory, exports it as FAKE_SLURM, and puts a piece of shell named after each command into
# it: `echo "sbatch: error: Slurm job queue full, sleeping and retrying" >&2; echo 57`. The calls are kept
# beside it in COMMAND.calls, one a line, and the environment of the last one in COMMAND.environment.
# A real Slurm is used for everything that a real one gives on demand.
command=${0##*/}
echo "$*" >>"$FAKE_SLURM/$command.calls"
env >"$FAKE_SLURM/$command.environment"
if [ ! -f "$FAKE_SLURM/$command" ]; then
    echo "$command: error: the test expects no call of $command" >&2
    exit 99
fi
. "$FAKE_SLURM/$command"
