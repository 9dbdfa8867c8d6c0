//! The program as its users meet it: started in a clean directory and environment, and judged by what it prints,
//! by its exit code, by the events of its runs, and by what is left when it has ended.

#[path = "../support/mod.rs"]
mod support;

mod arrays;
mod before;
mod beside;
mod busy;
mod conformance;
mod crowd;
mod doctor;
mod extend;
mod fake;
mod faults;
mod hostile;
mod injection;
#[path = "../support/jobs.rs"]
mod jobs;
mod kernels;
mod library;
mod messages;
mod pools;
mod processes;
mod replay;
mod resume;
mod secrets;
mod settings;
mod sofar;
mod strangers;
mod submit;
mod watching;
