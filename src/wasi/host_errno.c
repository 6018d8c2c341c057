/* From the host's error numbers to preview1's. Invariant: a host error never becomes success. */
#include "wasi/wasi_internal.h"

#include <errno.h>

static const uint8_t known[] = {
    [E2BIG] = WASI_ERRNO_2BIG,
    [EACCES] = WASI_ERRNO_ACCES,
    [EAGAIN] = WASI_ERRNO_AGAIN,
    [EBADF] = WASI_ERRNO_BADF,
    [EBUSY] = WASI_ERRNO_BUSY,
    [EDEADLK] = WASI_ERRNO_DEADLK,
    [EDQUOT] = WASI_ERRNO_DQUOT,
    [EEXIST] = WASI_ERRNO_EXIST,
    [EFAULT] = WASI_ERRNO_FAULT,
    [EFBIG] = WASI_ERRNO_FBIG,
    [EILSEQ] = WASI_ERRNO_ILSEQ,
    [EINTR] = WASI_ERRNO_INTR,
    [EINVAL] = WASI_ERRNO_INVAL,
    [EIO] = WASI_ERRNO_IO,
    [EISDIR] = WASI_ERRNO_ISDIR,
    [ELOOP] = WASI_ERRNO_LOOP,
    [EMFILE] = WASI_ERRNO_MFILE,
    [EMLINK] = WASI_ERRNO_MLINK,
    [ENAMETOOLONG] = WASI_ERRNO_NAMETOOLONG,
    [ENFILE] = WASI_ERRNO_NFILE,
    [ENOBUFS] = WASI_ERRNO_NOBUFS,
    [ENODEV] = WASI_ERRNO_NODEV,
    [ENOENT] = WASI_ERRNO_NOENT,
    [ENOLCK] = WASI_ERRNO_NOLCK,
    [ENOMEM] = WASI_ERRNO_NOMEM,
    [ENOSPC] = WASI_ERRNO_NOSPC,
    [ENOSYS] = WASI_ERRNO_NOSYS,
    [ENOTCONN] = WASI_ERRNO_NOTCONN,
    [ENOTDIR] = WASI_ERRNO_NOTDIR,
    [ENOTEMPTY] = WASI_ERRNO_NOTEMPTY,
    [ENOTSOCK] = WASI_ERRNO_NOTSOCK,
    [EOPNOTSUPP] = WASI_ERRNO_NOTSUP,
    [ENOTTY] = WASI_ERRNO_NOTTY,
    [ENXIO] = WASI_ERRNO_NXIO,
    [EOVERFLOW] = WASI_ERRNO_OVERFLOW,
    [EPERM] = WASI_ERRNO_PERM,
    [EPIPE] = WASI_ERRNO_PIPE,
    [ECONNRESET] = WASI_ERRNO_CONNRESET,
    [ERANGE] = WASI_ERRNO_RANGE,
    [EROFS] = WASI_ERRNO_ROFS,
    [ESPIPE] = WASI_ERRNO_SPIPE,
    [ESRCH] = WASI_ERRNO_SRCH,
    [ESTALE] = WASI_ERRNO_STALE,
    [ETIMEDOUT] = WASI_ERRNO_TIMEDOUT,
    [ETXTBSY] = WASI_ERRNO_TXTBSY,
    [EXDEV] = WASI_ERRNO_XDEV,
};

uint32_t errno_from_host(int host_errno)
{
    if (host_errno <= 0 || (size_t)host_errno >= sizeof(known) || known[host_errno] == 0)
        return WASI_ERRNO_IO;
    return known[host_errno];
}

uint32_t errno_from_resolution(int host_errno)
{
    return host_errno == EXDEV ? WASI_ERRNO_NOTCAPABLE : errno_from_host(host_errno);
}
