//! (s) The process's heaps: how many, and when what they hold free goes back to the machine.

/// glibc's default is eight a core. What one thread frees another cannot use then, and a second wave of calls made the process grow
/// by a fifth of the first (`chorus bench memory`). The threads that allocate much are two: the driver's and the store writer's.
#[cfg(target_env = "gnu")]
const HEAPS: libc::c_int = 2;

/// A wave below this leaves too little behind to look for.
const WAVE_MIN: usize = 64;

/// Before the first thread.
pub fn bound() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no other thread runs yet, and the call only sets a number; a glibc that does not know it says no.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS)
    };
}

/// Sees a wave of calls or connections go by. What it leaves free lies between what lives on: the next wave would be put elsewhere first.
#[derive(Debug, Default)]
pub struct Wave {
    crest: usize,
}

impl Wave {
    /// `load` is how much lives now, in calls, what SIP keeps of them, and its connections. True once a wave, when three quarters of it are over.
    pub fn is_over(&mut self, load: usize) -> bool {
        self.crest = self.crest.max(load);
        let over = self.crest >= WAVE_MIN && load < self.crest / 4;
        if over {
            self.crest = load;
        }
        over
    }
}

/// Gives free pages back. Takes milliseconds, in which threads of the same heap wait for their allocations: not for a thread that
/// has something to do.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: has no preconditions; it takes the locks of the heaps itself.
    unsafe {
        libc::malloc_trim(0)
    };
}
