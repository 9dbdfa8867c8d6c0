//! What is wrong with a job script that `sbatch` would accept: a script is read by three readers (`sbatch`,
//! bash, and Slurm's signals), and each passes over what the other two need.

use crate::error::{Error, Result};

/// Where a site's or user's own template is named.
const TEMPLATE_KEY: &str = "slurm.template";

/// Refuses a rendered job script that would not start the program as meant, or not end it in order.
///
/// `command` is the command as the script has to contain it, quoted for the shell.
pub fn lint(script: &str, command: &str) -> Result<()> {
    check_form(script)?;
    check_directives(script)?;
    check_start(script, command)
}

fn check_form(script: &str) -> Result<()> {
    if script.contains('\r') {
        return Err(Error::refused("the job script has DOS line ends").cause("sbatch refuses them").hint(
            format!("convert the file of {TEMPLATE_KEY}, and the lines of slurm.prologue: `dos2unix FILE`"),
        ));
    }
    if !script.starts_with("#!") {
        return Err(Error::refused("the job script does not begin with `#!`")
            .cause("sbatch refuses a script without an interpreter")
            .hint(format!("begin the file of {TEMPLATE_KEY} with #!/bin/bash")));
    }
    Ok(())
}

/// `sbatch` stops reading directives at the first command, without a word.
fn check_directives(script: &str) -> Result<()> {
    let mut first_command = None;
    for (index, line) in script.lines().enumerate() {
        if line.starts_with("#SBATCH") {
            if let Some(command) = first_command {
                return Err(Error::refused(format!("line {} of the job script is ignored: `{line}`", index + 1))
                    .cause(format!("it comes after the first command, `{command}`"))
                    .hint(format!(
                        "move the directive up in the file of {TEMPLATE_KEY}, or from slurm.prologue to slurm.directives"
                    )));
            }
        } else if first_command.is_none() && !is_blank(line) {
            first_command = Some(line);
        }
    }
    Ok(())
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// Slurm's signals reach the script's shell, and a shell that waits for a foreground child dies of them
/// without passing them on; so the program has to replace the shell, or run behind a trap.
fn check_start(script: &str, command: &str) -> Result<()> {
    let joined = script.replace("\\\n", " ");
    let lines: Vec<&str> = joined.lines().map(str::trim).filter(|line| !is_blank(line)).collect();
    let Some(start) = lines.iter().position(|line| line.contains(command)) else {
        return Err(Error::refused("the job script never starts the worker")
            .cause(format!("no line runs `{command}`"))
            .hint(format!("write `exec {{{{ command }}}}` in the file of {TEMPLATE_KEY}")));
    };
    let line = lines[start];
    // Before a pipe or another command even `exec` runs the program in the foreground of a shell.
    let joined_on = |word| matches!(word, "|" | "|&" | "||" | "&&" | ";");
    let alone = !line.split_whitespace().any(joined_on);
    if alone && (line.starts_with("exec ") || line.split_whitespace().any(|word| word == "srun")) {
        return Ok(());
    }
    if !line.ends_with('&') || line.ends_with("&&") {
        return Err(Error::refused("the job script runs the worker as a plain foreground line")
            .cause(format!("Slurm's signals end the shell and never reach `{line}`"))
            .hint(format!(
                "write `exec {{{{ command }}}}` in the file of {TEMPLATE_KEY}; to run something afterwards, use slurm.epilogue"
            )));
    }
    for (word, purpose) in
        [("wait", "the script ends before the worker"), ("trap", "Slurm's signals end the shell alone")]
    {
        if !lines.iter().any(|line| line.split([' ', ';', '&', '|']).any(|part| part == word)) {
            return Err(Error::refused(format!(
                "the job script starts the worker with `&` and has no `{word}`"
            ))
            .cause(purpose)
            .hint(format!(
                "take lines from the built-in template (`squall script`) into the file of {TEMPLATE_KEY}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAND: &str = "/run/squall worker /run";

    fn refusal(script: &str) -> String {
        lint(script, COMMAND).unwrap_err().to_string()
    }

    #[test]
    fn scripts_that_end_in_order_pass() {
        for body in [
            "exec /run/squall worker /run",
            "if [ -e x ]; then\n  exec /run/squall worker /run\nfi",
            "exec apptainer exec image.sif \\\n    /run/squall worker /run",
            "srun --ntasks=1 /run/squall worker /run\necho done",
            "/run/squall worker /run &\ntrap 'kill $!' TERM\nwait $!; echo done",
            "# runs /run/squall worker /run\nexec /run/squall worker /run",
        ] {
            let script = format!("#!/bin/bash\n\n# a remark\n#SBATCH --mem=2G\n{body}\n");
            assert_eq!(lint(&script, COMMAND), Ok(()), "{body}");
        }
    }

    #[test]
    fn scripts_that_would_not_do_what_they_say_are_refused() {
        let refusals = [
            refusal("#!/bin/bash\r\nexec /run/squall worker /run\r\n"),
            refusal("exec /run/squall worker /run\n"),
            refusal("#!/bin/bash\nmodule load x\n#SBATCH --mem=2G\nexec /run/squall worker /run\n"),
            refusal("#!/bin/bash\nexec /run/squall worker /elsewhere\n"),
            refusal("#!/bin/bash\n# exec /run/squall worker /run\n"),
            refusal("#!/bin/bash\nexec /run/squall worker /run | tee log\n"),
            refusal("#!/bin/bash\n/run/squall worker /run\necho done\n"),
            refusal("#!/bin/bash\n/run/squall worker /run && echo done\n"),
            refusal("#!/bin/bash\n/run/squall worker /run &\ntrap 'kill $!' TERM\n"),
            refusal("#!/bin/bash\n/run/squall worker /run &\nwait\n"),
        ];
        insta::assert_snapshot!(refusals.join("\n\n"), @"
        error: the job script has DOS line ends
        cause: sbatch refuses them
        hint: convert the file of slurm.template, and the lines of slurm.prologue: `dos2unix FILE`

        error: the job script does not begin with `#!`
        cause: sbatch refuses a script without an interpreter
        hint: begin the file of slurm.template with #!/bin/bash

        error: line 3 of the job script is ignored: `#SBATCH --mem=2G`
        cause: it comes after the first command, `module load x`
        hint: move the directive up in the file of slurm.template, or from slurm.prologue to slurm.directives

        error: the job script never starts the worker
        cause: no line runs `/run/squall worker /run`
        hint: write `exec {{ command }}` in the file of slurm.template

        error: the job script never starts the worker
        cause: no line runs `/run/squall worker /run`
        hint: write `exec {{ command }}` in the file of slurm.template

        error: the job script runs the worker as a plain foreground line
        cause: Slurm's signals end the shell and never reach `exec /run/squall worker /run | tee log`
        hint: write `exec {{ command }}` in the file of slurm.template; to run something afterwards, use slurm.epilogue

        error: the job script runs the worker as a plain foreground line
        cause: Slurm's signals end the shell and never reach `/run/squall worker /run`
        hint: write `exec {{ command }}` in the file of slurm.template; to run something afterwards, use slurm.epilogue

        error: the job script runs the worker as a plain foreground line
        cause: Slurm's signals end the shell and never reach `/run/squall worker /run && echo done`
        hint: write `exec {{ command }}` in the file of slurm.template; to run something afterwards, use slurm.epilogue

        error: the job script starts the worker with `&` and has no `wait`
        cause: the script ends before the worker
        hint: take lines from the built-in template (`squall script`) into the file of slurm.template

        error: the job script starts the worker with `&` and has no `trap`
        cause: Slurm's signals end the shell alone
        hint: take lines from the built-in template (`squall script`) into the file of slurm.template
        ");
    }
}
