#!/bin/bash
{## gone ##}
#SBATCH --mem={{ memory }}
{% for directive in directives %}
#SBATCH {{ directive }}
{% endfor %}
array=(a b)
echo ${#array[@]}
{% if epilogue %}x{% endif %}
exec {{ program | sh }} worker {{ run_directory | sh }}
