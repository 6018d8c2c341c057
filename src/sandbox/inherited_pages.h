/* Makes a fork of this process cheaper: fewer page faults in each child.
 *
 * fork(2) copies the page table entries of memory that was ever written, and leaves those of mapped
 * files to be faulted in again, page by page, by every child. The code of the interpreter and of
 * this program is mapped from files, and a run touches about a hundred pages of it.
 */
#ifndef SHANNON_SANDBOX_INHERITED_PAGES_H
#define SHANNON_SANDBOX_INHERITED_PAGES_H

/* Makes fork copy the entries of all code and constants that are loaded now, by writing one byte of
 * each mapping with the value it has. Code is writable for that moment, so this must come before
 * any guest program runs. What cannot be done is left out: nothing depends on it but speed. */
void inherited_pages_prepare(void);

#endif
