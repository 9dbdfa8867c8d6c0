#!/bin/bash
{##
   The job script of squall's jobs. Copy it, change it, and name the copy in slurm.template.
   A value after #SBATCH goes through the filter `directive`, one in a shell line through `sh`; `command` is
   quoted already. sbatch's command line repeats the resources, and wins.
##}
#SBATCH --job-name={{ name | directive }}
{% if array %}
#SBATCH --array={{ array }}
{% endif %}
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={{ cores }}
{% if mem %}
#SBATCH --mem={{ mem }}
{% endif %}
{% if mem_per_cpu %}
#SBATCH --mem-per-cpu={{ mem_per_cpu }}
{% endif %}
#SBATCH --time={{ walltime }}
{% if partition %}
#SBATCH --partition={{ partition | directive }}
{% endif %}
{% if account %}
#SBATCH --account={{ account | directive }}
{% endif %}
{% if qos %}
#SBATCH --qos={{ qos | directive }}
{% endif %}
{% if constraint %}
#SBATCH --constraint={{ constraint | directive }}
{% endif %}
{% if reservation %}
#SBATCH --reservation={{ reservation | directive }}
{% endif %}
#SBATCH --output={{ output | directive }}
#SBATCH --open-mode=append
{% if requeue %}
#SBATCH --requeue
{% else %}
#SBATCH --no-requeue
{% endif %}
#SBATCH --propagate=NONE
{% for directive in directives %}
#SBATCH {{ directive }}
{% endfor %}
{% for comment in comments %}
# {{ comment }}
{% endfor %}

{% for line in prologue %}
{{ line }}
{% endfor %}
{% if not epilogue %}
# The program replaces this shell, so that Slurm's signals reach it.
exec {{ command }}
{% else %}
# A shell that waits for a foreground program passes no signal on, so the program runs beside it.
again=
for signal in TERM INT HUP USR1 USR2; do
    trap "again=yes; kill -s $signal \$! 2>/dev/null" "$signal"
done
{{ command }} &
program=$!
# A signal ends `wait` early; the program's own exit status is then still to come.
wait "$program" && status=0 || status=$?
while [ -n "$again" ]; do
    again=
    wait "$program" && status=0 || status=$?
done

{% for line in epilogue %}
{{ line }}
{% endfor %}
exit "$status"
{% endif %}
