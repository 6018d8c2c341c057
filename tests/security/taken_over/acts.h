/* What native code does in a guest process that a guest has taken over: for `taken_over.c`, which
 * calls these, and for tests/security/native.py, which reads their names here.
 *
 * Each is ACT(name): int64_t act_name(int64_t argument), which returns a number of its own, or
 * -errno of what was refused.
 */
#ifndef ACT
#error "define ACT(name) first"
#endif

/* channel.c: lies to the service */
ACT(say_garbage)           /* bytes that are no frame */
ACT(say_kind)              /* an empty frame of the kind `argument` */
ACT(say_size)              /* a head of standard output of the size `argument` */
ACT(say_report_size)       /* a head of a report of the size `argument` */
ACT(say_output_beside)     /* `argument` MiB of standard output, past the process's own limit */
ACT(say_nothing_often)     /* `argument` empty frames of output */
ACT(say_half_and_wait)     /* half a frame, then nothing for ever */
ACT(say_half_and_exit)     /* half a frame, then the end */
ACT(report_garbage)        /* a report that is none */
ACT(report_well)           /* a report of a program that ended well, then goes on for ever */
ACT(report_well_often)     /* `argument` of them at once */
ACT(report_beyond_measure) /* one whose numbers are as large as they can be */
ACT(report_failure)        /* one that it could not begin, for the reason `argument` */
ACT(report_many_files)     /* one with more files than it holds */
ACT(report_largest)        /* one of the largest size that is read, and no more of it than that */
ACT(report_trap)           /* one of a trap, while the program lives */
ACT(close_channel)         /* closes it and goes on for ever */
ACT(exit_silently)         /* ends with the status `argument` and no report */
ACT(spin_deaf)             /* ignores every signal it can and goes on for ever */

/* state.c: lies about a session's state */
ACT(save_garbage)    /* `argument` bytes that are no state */
ACT(save_pieces)     /* a head with wrong numbers, chosen by `argument` */
ACT(save_bomb)       /* a packed state of `argument` MiB of zeros */
ACT(save_claim)      /* an empty state that is said to have `argument` bytes */
ACT(save_seek)       /* a state whose file's position was moved */
ACT(save_twice)      /* says twice that it was saved */
ACT(image_is_sealed) /* tries to change the memory image that others share */

/* calls.c: goes past the WASI host */
ACT(call)              /* the system call `argument` of the list in calls.c */
ACT(descriptors)       /* which of the descriptors 0 to 61 are open, a bit each */
ACT(open_lots)         /* opens the folder behind the first preopen again and again: how often */
ACT(reserve_lots)      /* maps memory, a GiB at a time: how many */
ACT(find_canary)       /* how often the canary `argument` stands in linear memory */
ACT(count_environment) /* the process's own environment */

/* faults.c: defects of the host */
ACT(fault) /* the fault `argument` of the list in faults.c */

/* secrets.c: looks for what should not be there */
ACT(find_in_process)       /* how often the canary `argument` stands in the process's memory */
ACT(page_map_shows_frames) /* in a session: 1 when the page map says in which frame a page is */

#undef ACT
