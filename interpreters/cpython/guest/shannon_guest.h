/*
 * The reactor interface of python-3.11.wasm, version 2.
 *
 * The file is an ordinary WASI command: `_start` behaves as `python` does. Beside it the module
 * exports the functions below, with which a host starts Python once and then runs any number of
 * programs in it. Between two calls no guest frame is on the stack, so the whole interpreter is the
 * linear memory and the mutable globals.
 *
 * Both sides include this header: the guest (guest/reactor.c) and the host. It needs nothing but
 * <stdint.h>.
 *
 * Exports with their WebAssembly types (an i32 is a guest address, a size in bytes, or a number):
 *
 * - memory: the linear memory.
 * - __stack_pointer, (mut i32): the shadow stack pointer, the same before and after each call.
 * - shannon_abi_version, () -> i32: SHANNON_ABI_VERSION. May be called at any time.
 * - shannon_initialize, (flags) -> i32: once, first, instead of `_start`. flags:
 * SHANNON_INITIALIZE_*. 0 on success; otherwise a message is on descriptor 2 and the instance must
 * be thrown away.
 * - shannon_refresh, () -> i32: makes an instance that is a copy of another differ from its
 * siblings wherever they would produce the same "unique" values: random, uuid, names of temporary
 * files, SQLite's random(). 0 on success; otherwise nothing may be run in this copy.
 * - shannon_interrupt_words, () -> i32: the guest address of a struct shannon_interrupt_words. A
 *   host that writes 1 into each word, in their order, at any moment of a run, raises
 *   KeyboardInterrupt in the program, as PyErr_SetInterrupt() does; a host call that waits must
 *   return EINTR then. The address stays the same for the life of the instance and its copies.
 * - shannon_allocate, (size) -> i32: the guest address of `size` fresh bytes for one request, or 0
 *   when the guest is out of memory. They are the guest's again once shannon_run is called.
 * - shannon_run, (address, size) -> i32: runs the request at `address`, which must be a block of
 *   shannon_allocate, and frees it. Returns Python's exit status, 0 to 255, or
 *   SHANNON_STATUS_MALFORMED with a message on descriptor 2.
 * - shannon_result_address, () -> i32, and shannon_result_size, () -> i32: the result of the last
 *   shannon_run; a size of 0 when there is none. Valid until the next shannon_allocate or
 *   shannon_run.
 *
 * A program may also end by leaving the guest altogether: os._exit() calls proc_exit, and a fatal
 * error traps. The instance cannot be used again after either.
 *
 * Requests and results are lists of records without padding: a u32 kind, a u32 length, then length
 * bytes; numbers are little endian. Nothing in a result is to be trusted more than what the program
 * prints: it may have written it.
 */
#ifndef SHANNON_GUEST_H
#define SHANNON_GUEST_H

#include <stdint.h>

#define SHANNON_ABI_VERSION 2u

/* Import the modules that programs commonly use, run programs that use them, and arrange memory so
 * that copies go on sharing it: what exists then is never freed. For a process that is forked. */
#define SHANNON_INITIALIZE_PRELOAD 1u
/* Standard output and error are not buffered in the guest, as with `python -u`: for a host that
 * gathers them itself, and loses nothing when it ends the program. */
#define SHANNON_INITIALIZE_UNBUFFERED 2u

/* What shannon_interrupt_words gives: `count` guest addresses of aligned 32-bit words. */
#define SHANNON_INTERRUPT_WORDS_MAXIMUM 8u
struct shannon_interrupt_words {
    uint32_t count; /* 1 to SHANNON_INTERRUPT_WORDS_MAXIMUM */
    uint32_t addresses[SHANNON_INTERRUPT_WORDS_MAXIMUM];
};

/* A record's head; `length` bytes follow it. */
struct shannon_record {
    uint32_t kind;
    uint32_t length;
};

/*
 * Kinds of request records. Exactly one is SHANNON_REQUEST_CODE; the others may be missing. An
 * unknown kind, a second record of a kind that may stand once, or a length that leaves the request
 * makes it malformed.
 */

/* A u32 of SHANNON_RUN_*; 0 when missing. Once. */
#define SHANNON_REQUEST_FLAGS 1u
/* Python source as the bytes of a file: UTF-8 unless a coding cookie says otherwise. Once. */
#define SHANNON_REQUEST_CODE 2u
/* UTF-8, shown in tracebacks; "main.py" when missing. Once. */
#define SHANNON_REQUEST_FILENAME 3u
/* UTF-8, an element of sys.argv; repeated. sys.argv is [filename] when missing. */
#define SHANNON_REQUEST_ARGUMENT 4u
/* UTF-8 "NAME=VALUE", put into the environment, where it stays; repeated. */
#define SHANNON_REQUEST_ENVIRONMENT 5u

/*
 * Flags of a run.
 */

/* Finish as a Python process does, but without tearing the interpreter down: wait for threads, run
 * atexit handlers, drop the program's globals so that destructors run and files are flushed. A
 * program that is run afterwards finds the names of the one before set to None. */
#define SHANNON_RUN_FINAL 1u
/* As in a notebook: when the program ends in an expression whose value is not None, the value's
 * repr is in the result. */
#define SHANNON_RUN_VALUE 4u
/* Write stdout at every newline instead of in blocks, for a caller that passes output on while the
 * program runs. */
#define SHANNON_RUN_LINE_BUFFERED 8u

/*
 * Kinds of result records; all UTF-8, each at most SHANNON_RESULT_TEXT_MAXIMUM bytes (longer text
 * is cut at a character). The first three are there when an exception other than SystemExit ended
 * the program.
 */

/* "ValueError", "json.decoder.JSONDecodeError" */
#define SHANNON_RESULT_EXCEPTION_TYPE 1u
/* str() of the exception */
#define SHANNON_RESULT_EXCEPTION_MESSAGE 2u
/* The traceback as written to stderr */
#define SHANNON_RESULT_TRACEBACK 3u
/* The repr of the last expression's value; with SHANNON_RUN_VALUE */
#define SHANNON_RESULT_VALUE 4u

#define SHANNON_RESULT_TEXT_MAXIMUM 65536u

/* shannon_run's answer to a request that cannot be decoded. A program can return the same number,
 * by sys.exit(2); it leaves no message on descriptor 2. */
#define SHANNON_STATUS_MALFORMED 2

#endif
