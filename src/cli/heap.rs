//! (s) How many heaps the process has.

/// glibc's default is eight a core. What one thread frees another cannot use then, and a second wave of calls made the process grow
/// by a fifth of the first (`chorus bench memory`). The threads that allocate much are two: the driver's and the store writer's.
#[cfg(target_env = "gnu")]
const HEAPS: libc::c_int = 2;

/// Before the first thread.
pub fn bound() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no other thread runs yet, and the call only sets a number; a glibc that does not know it says no.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS)
    };
}
