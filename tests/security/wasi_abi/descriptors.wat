;; Numbers that are not open, also negative ones and ones that are open in the host: badf (8).
;; Exits with the number of the check that failed.
(module
  (import "wasi_snapshot_preview1" "fd_advise"
    (func $fd_advise (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_allocate"
    (func $fd_allocate (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close"
    (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_datasync"
    (func $fd_datasync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get"
    (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags"
    (func $fd_fdstat_set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_rights"
    (func $fd_fdstat_set_rights (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get"
    (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size"
    (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_times"
    (func $fd_filestat_set_times (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread"
    (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get"
    (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name"
    (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite"
    (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir"
    (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek"
    (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_sync"
    (func $fd_sync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_tell"
    (func $fd_tell (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_set_times"
    (func $path_filestat_set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link"
    (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink"
    (func $path_readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory"
    (func $path_remove_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file"
    (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept"
    (func $sock_accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv"
    (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send"
    (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown"
    (func $sock_shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit"
    (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "hello")
  (data (i32.const 256) "\00\10\00\00\04\00\00\00")
  (func $expect (param $got i32) (param $want i32) (param $number i32)
    (if (i32.ne (local.get $got) (local.get $want))
      (then (call $proc_exit (local.get $number)))))
  (func (export "_start")
    ;; The shown folder is 5, behind scratch (3 and 4); it and nothing else is left, as 3.
    (call $expect (call $fd_renumber (i32.const 5) (i32.const 3)) (i32.const 0) (i32.const 240))
    (call $expect (call $fd_close (i32.const 4)) (i32.const 0) (i32.const 241))
    (call $expect (call $fd_close (i32.const 6)) (i32.const 0) (i32.const 242))
    (call $expect
      (call $fd_advise (i32.const 4) (i64.const 0) (i64.const 1) (i32.const 0))
      (i32.const 8) (i32.const 1))
    (call $expect
      (call $fd_advise (i32.const -1) (i64.const 0) (i64.const 1) (i32.const 0))
      (i32.const 8) (i32.const 2))
    (call $expect
      (call $fd_advise (i32.const -2147483648) (i64.const 0) (i64.const 1) (i32.const 0))
      (i32.const 8) (i32.const 3))
    (call $expect
      (call $fd_advise (i32.const 1024) (i64.const 0) (i64.const 1) (i32.const 0))
      (i32.const 8) (i32.const 4))
    (call $expect
      (call $fd_advise (i32.const 255) (i64.const 0) (i64.const 1) (i32.const 0))
      (i32.const 8) (i32.const 5))
    (call $expect
      (call $fd_allocate (i32.const 4) (i64.const 0) (i64.const 1))
      (i32.const 8) (i32.const 6))
    (call $expect
      (call $fd_allocate (i32.const -1) (i64.const 0) (i64.const 1))
      (i32.const 8) (i32.const 7))
    (call $expect
      (call $fd_allocate (i32.const -2147483648) (i64.const 0) (i64.const 1))
      (i32.const 8) (i32.const 8))
    (call $expect
      (call $fd_allocate (i32.const 1024) (i64.const 0) (i64.const 1))
      (i32.const 8) (i32.const 9))
    (call $expect
      (call $fd_allocate (i32.const 255) (i64.const 0) (i64.const 1))
      (i32.const 8) (i32.const 10))
    (call $expect
      (call $fd_close (i32.const 4))
      (i32.const 8) (i32.const 11))
    (call $expect
      (call $fd_close (i32.const -1))
      (i32.const 8) (i32.const 12))
    (call $expect
      (call $fd_close (i32.const -2147483648))
      (i32.const 8) (i32.const 13))
    (call $expect
      (call $fd_close (i32.const 1024))
      (i32.const 8) (i32.const 14))
    (call $expect
      (call $fd_close (i32.const 255))
      (i32.const 8) (i32.const 15))
    (call $expect
      (call $fd_datasync (i32.const 4))
      (i32.const 8) (i32.const 16))
    (call $expect
      (call $fd_datasync (i32.const -1))
      (i32.const 8) (i32.const 17))
    (call $expect
      (call $fd_datasync (i32.const -2147483648))
      (i32.const 8) (i32.const 18))
    (call $expect
      (call $fd_datasync (i32.const 1024))
      (i32.const 8) (i32.const 19))
    (call $expect
      (call $fd_datasync (i32.const 255))
      (i32.const 8) (i32.const 20))
    (call $expect
      (call $fd_fdstat_get (i32.const 4) (i32.const 16))
      (i32.const 8) (i32.const 21))
    (call $expect
      (call $fd_fdstat_get (i32.const -1) (i32.const 16))
      (i32.const 8) (i32.const 22))
    (call $expect
      (call $fd_fdstat_get (i32.const -2147483648) (i32.const 16))
      (i32.const 8) (i32.const 23))
    (call $expect
      (call $fd_fdstat_get (i32.const 1024) (i32.const 16))
      (i32.const 8) (i32.const 24))
    (call $expect
      (call $fd_fdstat_get (i32.const 255) (i32.const 16))
      (i32.const 8) (i32.const 25))
    (call $expect
      (call $fd_fdstat_set_flags (i32.const 4) (i32.const 0))
      (i32.const 8) (i32.const 26))
    (call $expect
      (call $fd_fdstat_set_flags (i32.const -1) (i32.const 0))
      (i32.const 8) (i32.const 27))
    (call $expect
      (call $fd_fdstat_set_flags (i32.const -2147483648) (i32.const 0))
      (i32.const 8) (i32.const 28))
    (call $expect
      (call $fd_fdstat_set_flags (i32.const 1024) (i32.const 0))
      (i32.const 8) (i32.const 29))
    (call $expect
      (call $fd_fdstat_set_flags (i32.const 255) (i32.const 0))
      (i32.const 8) (i32.const 30))
    (call $expect
      (call $fd_fdstat_set_rights (i32.const 4) (i64.const 0) (i64.const 0))
      (i32.const 8) (i32.const 31))
    (call $expect
      (call $fd_fdstat_set_rights (i32.const -1) (i64.const 0) (i64.const 0))
      (i32.const 8) (i32.const 32))
    (call $expect
      (call $fd_fdstat_set_rights (i32.const -2147483648) (i64.const 0) (i64.const 0))
      (i32.const 8) (i32.const 33))
    (call $expect
      (call $fd_fdstat_set_rights (i32.const 1024) (i64.const 0) (i64.const 0))
      (i32.const 8) (i32.const 34))
    (call $expect
      (call $fd_fdstat_set_rights (i32.const 255) (i64.const 0) (i64.const 0))
      (i32.const 8) (i32.const 35))
    (call $expect
      (call $fd_filestat_get (i32.const 4) (i32.const 16))
      (i32.const 8) (i32.const 36))
    (call $expect
      (call $fd_filestat_get (i32.const -1) (i32.const 16))
      (i32.const 8) (i32.const 37))
    (call $expect
      (call $fd_filestat_get (i32.const -2147483648) (i32.const 16))
      (i32.const 8) (i32.const 38))
    (call $expect
      (call $fd_filestat_get (i32.const 1024) (i32.const 16))
      (i32.const 8) (i32.const 39))
    (call $expect
      (call $fd_filestat_get (i32.const 255) (i32.const 16))
      (i32.const 8) (i32.const 40))
    (call $expect
      (call $fd_filestat_set_size (i32.const 4) (i64.const 0))
      (i32.const 8) (i32.const 41))
    (call $expect
      (call $fd_filestat_set_size (i32.const -1) (i64.const 0))
      (i32.const 8) (i32.const 42))
    (call $expect
      (call $fd_filestat_set_size (i32.const -2147483648) (i64.const 0))
      (i32.const 8) (i32.const 43))
    (call $expect
      (call $fd_filestat_set_size (i32.const 1024) (i64.const 0))
      (i32.const 8) (i32.const 44))
    (call $expect
      (call $fd_filestat_set_size (i32.const 255) (i64.const 0))
      (i32.const 8) (i32.const 45))
    (call $expect
      (call $fd_filestat_set_times (i32.const 4) (i64.const 0) (i64.const 0) (i32.const 0))
      (i32.const 8) (i32.const 46))
    (call $expect
      (call $fd_filestat_set_times (i32.const -1) (i64.const 0) (i64.const 0) (i32.const 0))
      (i32.const 8) (i32.const 47))
    (call $expect
      (call $fd_filestat_set_times (i32.const -2147483648) (i64.const 0) (i64.const 0) (i32.const 0))
      (i32.const 8) (i32.const 48))
    (call $expect
      (call $fd_filestat_set_times (i32.const 1024) (i64.const 0) (i64.const 0) (i32.const 0))
      (i32.const 8) (i32.const 49))
    (call $expect
      (call $fd_filestat_set_times (i32.const 255) (i64.const 0) (i64.const 0) (i32.const 0))
      (i32.const 8) (i32.const 50))
    (call $expect
      (call $fd_pread (i32.const 4) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 51))
    (call $expect
      (call $fd_pread (i32.const -1) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 52))
    (call $expect
      (call $fd_pread (i32.const -2147483648) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 53))
    (call $expect
      (call $fd_pread (i32.const 1024) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 54))
    (call $expect
      (call $fd_pread (i32.const 255) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 55))
    (call $expect
      (call $fd_prestat_get (i32.const 4) (i32.const 16))
      (i32.const 8) (i32.const 56))
    (call $expect
      (call $fd_prestat_get (i32.const -1) (i32.const 16))
      (i32.const 8) (i32.const 57))
    (call $expect
      (call $fd_prestat_get (i32.const -2147483648) (i32.const 16))
      (i32.const 8) (i32.const 58))
    (call $expect
      (call $fd_prestat_get (i32.const 1024) (i32.const 16))
      (i32.const 8) (i32.const 59))
    (call $expect
      (call $fd_prestat_get (i32.const 255) (i32.const 16))
      (i32.const 8) (i32.const 60))
    (call $expect
      (call $fd_prestat_dir_name (i32.const 4) (i32.const 4096) (i32.const 64))
      (i32.const 8) (i32.const 61))
    (call $expect
      (call $fd_prestat_dir_name (i32.const -1) (i32.const 4096) (i32.const 64))
      (i32.const 8) (i32.const 62))
    (call $expect
      (call $fd_prestat_dir_name (i32.const -2147483648) (i32.const 4096) (i32.const 64))
      (i32.const 8) (i32.const 63))
    (call $expect
      (call $fd_prestat_dir_name (i32.const 1024) (i32.const 4096) (i32.const 64))
      (i32.const 8) (i32.const 64))
    (call $expect
      (call $fd_prestat_dir_name (i32.const 255) (i32.const 4096) (i32.const 64))
      (i32.const 8) (i32.const 65))
    (call $expect
      (call $fd_pwrite (i32.const 4) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 66))
    (call $expect
      (call $fd_pwrite (i32.const -1) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 67))
    (call $expect
      (call $fd_pwrite (i32.const -2147483648) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 68))
    (call $expect
      (call $fd_pwrite (i32.const 1024) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 69))
    (call $expect
      (call $fd_pwrite (i32.const 255) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 70))
    (call $expect
      (call $fd_read (i32.const 4) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 71))
    (call $expect
      (call $fd_read (i32.const -1) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 72))
    (call $expect
      (call $fd_read (i32.const -2147483648) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 73))
    (call $expect
      (call $fd_read (i32.const 1024) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 74))
    (call $expect
      (call $fd_read (i32.const 255) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 75))
    (call $expect
      (call $fd_readdir (i32.const 4) (i32.const 4096) (i32.const 64) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 76))
    (call $expect
      (call $fd_readdir (i32.const -1) (i32.const 4096) (i32.const 64) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 77))
    (call $expect
      (call $fd_readdir (i32.const -2147483648) (i32.const 4096) (i32.const 64) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 78))
    (call $expect
      (call $fd_readdir (i32.const 1024) (i32.const 4096) (i32.const 64) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 79))
    (call $expect
      (call $fd_readdir (i32.const 255) (i32.const 4096) (i32.const 64) (i64.const 0) (i32.const 16))
      (i32.const 8) (i32.const 80))
    (call $expect
      (call $fd_renumber (i32.const 4) (i32.const 3))
      (i32.const 8) (i32.const 81))
    (call $expect
      (call $fd_renumber (i32.const -1) (i32.const 3))
      (i32.const 8) (i32.const 82))
    (call $expect
      (call $fd_renumber (i32.const -2147483648) (i32.const 3))
      (i32.const 8) (i32.const 83))
    (call $expect
      (call $fd_renumber (i32.const 1024) (i32.const 3))
      (i32.const 8) (i32.const 84))
    (call $expect
      (call $fd_renumber (i32.const 255) (i32.const 3))
      (i32.const 8) (i32.const 85))
    (call $expect
      (call $fd_seek (i32.const 4) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 86))
    (call $expect
      (call $fd_seek (i32.const -1) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 87))
    (call $expect
      (call $fd_seek (i32.const -2147483648) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 88))
    (call $expect
      (call $fd_seek (i32.const 1024) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 89))
    (call $expect
      (call $fd_seek (i32.const 255) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 90))
    (call $expect
      (call $fd_sync (i32.const 4))
      (i32.const 8) (i32.const 91))
    (call $expect
      (call $fd_sync (i32.const -1))
      (i32.const 8) (i32.const 92))
    (call $expect
      (call $fd_sync (i32.const -2147483648))
      (i32.const 8) (i32.const 93))
    (call $expect
      (call $fd_sync (i32.const 1024))
      (i32.const 8) (i32.const 94))
    (call $expect
      (call $fd_sync (i32.const 255))
      (i32.const 8) (i32.const 95))
    (call $expect
      (call $fd_tell (i32.const 4) (i32.const 16))
      (i32.const 8) (i32.const 96))
    (call $expect
      (call $fd_tell (i32.const -1) (i32.const 16))
      (i32.const 8) (i32.const 97))
    (call $expect
      (call $fd_tell (i32.const -2147483648) (i32.const 16))
      (i32.const 8) (i32.const 98))
    (call $expect
      (call $fd_tell (i32.const 1024) (i32.const 16))
      (i32.const 8) (i32.const 99))
    (call $expect
      (call $fd_tell (i32.const 255) (i32.const 16))
      (i32.const 8) (i32.const 100))
    (call $expect
      (call $fd_write (i32.const 4) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 101))
    (call $expect
      (call $fd_write (i32.const -1) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 102))
    (call $expect
      (call $fd_write (i32.const -2147483648) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 103))
    (call $expect
      (call $fd_write (i32.const 1024) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 104))
    (call $expect
      (call $fd_write (i32.const 255) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 105))
    (call $expect
      (call $path_create_directory (i32.const 4) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 106))
    (call $expect
      (call $path_create_directory (i32.const -1) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 107))
    (call $expect
      (call $path_create_directory (i32.const -2147483648) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 108))
    (call $expect
      (call $path_create_directory (i32.const 1024) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 109))
    (call $expect
      (call $path_create_directory (i32.const 255) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 110))
    (call $expect
      (call $path_filestat_get (i32.const 4) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 16))
      (i32.const 8) (i32.const 111))
    (call $expect
      (call $path_filestat_get (i32.const -1) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 16))
      (i32.const 8) (i32.const 112))
    (call $expect
      (call $path_filestat_get (i32.const -2147483648) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 16))
      (i32.const 8) (i32.const 113))
    (call $expect
      (call $path_filestat_get (i32.const 1024) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 16))
      (i32.const 8) (i32.const 114))
    (call $expect
      (call $path_filestat_get (i32.const 255) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 16))
      (i32.const 8) (i32.const 115))
    (call $expect
      (call $path_filestat_set_times (i32.const 4) (i32.const 0) (i32.const 512) (i32.const 5) (i64.const 0) (i64.const 0) (i32.const 0))
      (i32.const 8) (i32.const 116))
    (call $expect
      (call $path_filestat_set_times (i32.const -1) (i32.const 0) (i32.const 512) (i32.const 5) (i64.const 0) (i64.const 0) (i32.const 0))
      (i32.const 8) (i32.const 117))
    (call $expect
      (call $path_filestat_set_times (i32.const -2147483648) (i32.const 0) (i32.const 512) (i32.const 5) (i64.const 0) (i64.const 0) (i32.const 0))
      (i32.const 8) (i32.const 118))
    (call $expect
      (call $path_filestat_set_times (i32.const 1024) (i32.const 0) (i32.const 512) (i32.const 5) (i64.const 0) (i64.const 0) (i32.const 0))
      (i32.const 8) (i32.const 119))
    (call $expect
      (call $path_filestat_set_times (i32.const 255) (i32.const 0) (i32.const 512) (i32.const 5) (i64.const 0) (i64.const 0) (i32.const 0))
      (i32.const 8) (i32.const 120))
    (call $expect
      (call $path_link (i32.const 4) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 3) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 121))
    (call $expect
      (call $path_link (i32.const -1) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 3) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 122))
    (call $expect
      (call $path_link (i32.const -2147483648) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 3) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 123))
    (call $expect
      (call $path_link (i32.const 1024) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 3) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 124))
    (call $expect
      (call $path_link (i32.const 255) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 3) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 125))
    (call $expect
      (call $path_open (i32.const 4) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 126))
    (call $expect
      (call $path_open (i32.const -1) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 127))
    (call $expect
      (call $path_open (i32.const -2147483648) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 128))
    (call $expect
      (call $path_open (i32.const 1024) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 129))
    (call $expect
      (call $path_open (i32.const 255) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 130))
    (call $expect
      (call $path_readlink (i32.const 4) (i32.const 512) (i32.const 5) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 8) (i32.const 131))
    (call $expect
      (call $path_readlink (i32.const -1) (i32.const 512) (i32.const 5) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 8) (i32.const 132))
    (call $expect
      (call $path_readlink (i32.const -2147483648) (i32.const 512) (i32.const 5) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 8) (i32.const 133))
    (call $expect
      (call $path_readlink (i32.const 1024) (i32.const 512) (i32.const 5) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 8) (i32.const 134))
    (call $expect
      (call $path_readlink (i32.const 255) (i32.const 512) (i32.const 5) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 8) (i32.const 135))
    (call $expect
      (call $path_remove_directory (i32.const 4) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 136))
    (call $expect
      (call $path_remove_directory (i32.const -1) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 137))
    (call $expect
      (call $path_remove_directory (i32.const -2147483648) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 138))
    (call $expect
      (call $path_remove_directory (i32.const 1024) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 139))
    (call $expect
      (call $path_remove_directory (i32.const 255) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 140))
    (call $expect
      (call $path_rename (i32.const 4) (i32.const 512) (i32.const 5) (i32.const 3) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 141))
    (call $expect
      (call $path_rename (i32.const -1) (i32.const 512) (i32.const 5) (i32.const 3) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 142))
    (call $expect
      (call $path_rename (i32.const -2147483648) (i32.const 512) (i32.const 5) (i32.const 3) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 143))
    (call $expect
      (call $path_rename (i32.const 1024) (i32.const 512) (i32.const 5) (i32.const 3) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 144))
    (call $expect
      (call $path_rename (i32.const 255) (i32.const 512) (i32.const 5) (i32.const 3) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 145))
    (call $expect
      (call $path_unlink_file (i32.const 4) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 146))
    (call $expect
      (call $path_unlink_file (i32.const -1) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 147))
    (call $expect
      (call $path_unlink_file (i32.const -2147483648) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 148))
    (call $expect
      (call $path_unlink_file (i32.const 1024) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 149))
    (call $expect
      (call $path_unlink_file (i32.const 255) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 150))
    (call $expect
      (call $sock_accept (i32.const 4) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 151))
    (call $expect
      (call $sock_accept (i32.const -1) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 152))
    (call $expect
      (call $sock_accept (i32.const -2147483648) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 153))
    (call $expect
      (call $sock_accept (i32.const 1024) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 154))
    (call $expect
      (call $sock_accept (i32.const 255) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 155))
    (call $expect
      (call $sock_recv (i32.const 4) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16) (i32.const 16))
      (i32.const 8) (i32.const 156))
    (call $expect
      (call $sock_recv (i32.const -1) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16) (i32.const 16))
      (i32.const 8) (i32.const 157))
    (call $expect
      (call $sock_recv (i32.const -2147483648) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16) (i32.const 16))
      (i32.const 8) (i32.const 158))
    (call $expect
      (call $sock_recv (i32.const 1024) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16) (i32.const 16))
      (i32.const 8) (i32.const 159))
    (call $expect
      (call $sock_recv (i32.const 255) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16) (i32.const 16))
      (i32.const 8) (i32.const 160))
    (call $expect
      (call $sock_send (i32.const 4) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 161))
    (call $expect
      (call $sock_send (i32.const -1) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 162))
    (call $expect
      (call $sock_send (i32.const -2147483648) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 163))
    (call $expect
      (call $sock_send (i32.const 1024) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 164))
    (call $expect
      (call $sock_send (i32.const 255) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 165))
    (call $expect
      (call $sock_shutdown (i32.const 4) (i32.const 0))
      (i32.const 8) (i32.const 166))
    (call $expect
      (call $sock_shutdown (i32.const -1) (i32.const 0))
      (i32.const 8) (i32.const 167))
    (call $expect
      (call $sock_shutdown (i32.const -2147483648) (i32.const 0))
      (i32.const 8) (i32.const 168))
    (call $expect
      (call $sock_shutdown (i32.const 1024) (i32.const 0))
      (i32.const 8) (i32.const 169))
    (call $expect
      (call $sock_shutdown (i32.const 255) (i32.const 0))
      (i32.const 8) (i32.const 170))
    (call $expect
      (call $fd_renumber (i32.const 3) (i32.const -1))
      (i32.const 8) (i32.const 171))
    (call $expect
      (call $path_symlink (i32.const 512) (i32.const 5) (i32.const -1) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 172))
    (call $expect
      (call $fd_renumber (i32.const 3) (i32.const 1000))
      (i32.const 8) (i32.const 173))
    (call $expect
      (call $path_symlink (i32.const 512) (i32.const 5) (i32.const 1000) (i32.const 512) (i32.const 5))
      (i32.const 8) (i32.const 174))))
