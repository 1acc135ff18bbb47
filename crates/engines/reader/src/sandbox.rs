//! Takes from this process all that decoding does not need.
//!
//! On Linux: 512 MB of address space, 5 seconds of processor, no file that is opened, no byte that is written to one, no
//! process or thread, no core dump; and of all system calls only those that manage memory, end the process, tell the
//! time, and read and write what is open already. So there is no network. On other systems of the Unix kind the limits
//! hold, but neither that of the address space nor that of the system calls; elsewhere none does. What the parent does
//! holds everywhere: the child has an empty environment, and is killed after 5 seconds.

use stubmart_ports::Cause;

/// Shuts this process in, for good.
///
/// # Errors
/// The system refuses it: nothing may be decoded.
pub(crate) fn enter() -> Result<(), Cause> {
    #[cfg(unix)]
    limits::set()?;
    #[cfg(target_os = "linux")]
    calls::allow_few()?;
    Ok(())
}

#[cfg(unix)]
mod limits {
    use rustix::process::{Resource, Rlimit, setrlimit};
    use stubmart_ports::Cause;

    const PROCESSOR_S: u64 = 5;

    #[cfg(target_os = "linux")]
    const ADDRESS_SPACE_BYTES: u64 = 512 * 1024 * 1024;

    pub(super) fn set() -> Result<(), Cause> {
        let limits = [
            #[cfg(target_os = "linux")]
            (Resource::As, ADDRESS_SPACE_BYTES),
            (Resource::Cpu, PROCESSOR_S),
            (Resource::Core, 0),
            (Resource::Fsize, 0),
            (Resource::Nofile, 0),
            (Resource::Nproc, 0),
        ];
        for (resource, limit) in limits {
            setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })
                .map_err(|error| format!("cannot limit {resource:?}: {error}"))?;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod calls {
    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch, apply_filter,
    };
    use stubmart_ports::Cause;

    /// Whatever their arguments are.
    const ALLOWED: [i64; 19] = [
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_read,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_write,
    ];

    /// Unless they ask for memory that can be executed; the third argument says so.
    const WITHOUT_EXECUTION: [i64; 2] = [libc::SYS_mmap, libc::SYS_mprotect];

    /// Allows few system calls; the others fail as if this process had no right to them.
    pub(super) fn allow_few() -> Result<(), Cause> {
        let executable = u64::try_from(libc::PROT_EXEC)?;
        let is_plain = SeccompCondition::new(
            2,
            SeccompCmpArgLen::Qword,
            SeccompCmpOp::MaskedEq(executable),
            0,
        )?;
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
            ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        for call in WITHOUT_EXECUTION {
            rules.insert(call, vec![SeccompRule::new(vec![is_plain.clone()])?]);
        }
        let refused = SeccompAction::Errno(u32::try_from(libc::EPERM)?);
        let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
        let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, architecture)?;
        apply_filter(&BpfProgram::try_from(filter)?)?;
        Ok(())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, reason = "a test's own words")]
mod tests {
    use std::{fs::File, net::UdpSocket, process::Command, thread};

    /// What says to a child of the test that it is one.
    const IS_CHILD: &str = "STUBMART_TEST_SANDBOX";

    /// Run in a child of the test below, and does nothing otherwise.
    #[test]
    fn inside() {
        if std::env::var_os(IS_CHILD).is_none() {
            return;
        }
        super::enter().unwrap();
        let mut memory = Vec::<u8>::new();
        let tried = [
            ("opened a file", File::open("/proc/self/status").is_ok()),
            ("wrote a file", std::fs::write("/tmp/stubmart-sandbox", "x").is_ok()),
            ("opened a socket", UdpSocket::bind("127.0.0.1:0").is_ok()),
            ("started a process", Command::new("/bin/true").status().is_ok()),
            ("started a thread", thread::Builder::new().spawn(|| ()).is_ok()),
            ("took 512 MB", memory.try_reserve_exact(512 * 1024 * 1024).is_ok()),
            ("took 16 MB", memory.try_reserve_exact(16 * 1024 * 1024).is_ok()),
        ];
        for (what, is_done) in tried {
            println!("{what}: {is_done}");
        }
    }

    /// A process that is shut in opens nothing, starts nothing, talks to nobody and has 512 MB at most.
    #[test]
    fn what_is_shut_in_has_its_memory_and_nothing_else() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sandbox::tests::inside", "--nocapture", "--test-threads=1"])
            .env(IS_CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        for what in [
            "opened a file",
            "wrote a file",
            "opened a socket",
            "started a process",
            "started a thread",
            "took 512 MB",
        ] {
            assert!(said.contains(&format!("{what}: false")), "{what}: {said}");
        }
        assert!(said.contains("took 16 MB: true"), "{said}");
    }
}
