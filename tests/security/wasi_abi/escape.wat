;; Out of the folder that was shown read-only, and changes beneath it; then what is allowed.
;; Exits with the number of the check that failed.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink"
    (func $path_readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file"
    (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory"
    (func $path_remove_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link"
    (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_set_times"
    (func $path_filestat_set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close"
    (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size"
    (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_allocate"
    (func $fd_allocate (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_rights"
    (func $fd_fdstat_set_rights (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit"
    (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "/etc/passwd")
  (data (i32.const 576) "..")
  (data (i32.const 640) "../")
  (data (i32.const 704) "../secret.txt")
  (data (i32.const 768) "out")
  (data (i32.const 832) "out/")
  (data (i32.const 896) "out/secret.txt")
  (data (i32.const 960) "out/.")
  (data (i32.const 1024) "root/etc/passwd")
  (data (i32.const 1088) "sub/../../secret.txt")
  (data (i32.const 1152) "trick/secret.txt")
  (data (i32.const 1216) "trick/")
  (data (i32.const 1280) "hello.txt")
  (data (i32.const 1344) "new.txt")
  (data (i32.const 1408) "sub/deep.txt")
  (data (i32.const 1472) "/etc")
  (func $expect (param $got i32) (param $want i32) (param $number i32)
    (if (i32.ne (local.get $got) (local.get $want))
      (then (call $proc_exit (local.get $number)))))
  (func (export "_start")
    ;; The shown folder is 5, behind scratch (3 and 4); it and nothing else is left, as 3.
    (call $expect (call $fd_renumber (i32.const 5) (i32.const 3)) (i32.const 0) (i32.const 240))
    (call $expect (call $fd_close (i32.const 4)) (i32.const 0) (i32.const 241))
    (call $expect (call $fd_close (i32.const 6)) (i32.const 0) (i32.const 242))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 512) (i32.const 11) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 1))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 512) (i32.const 11) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 2))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 512) (i32.const 11) (i32.const 16))
      (i32.const 76) (i32.const 3))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 11) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 4))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 11) (i32.const 16))
      (i32.const 76) (i32.const 5))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 512) (i32.const 11) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 6))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 576) (i32.const 2) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 7))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 576) (i32.const 2) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 8))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 576) (i32.const 2) (i32.const 16))
      (i32.const 76) (i32.const 9))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 576) (i32.const 2) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 10))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 576) (i32.const 2) (i32.const 16))
      (i32.const 76) (i32.const 11))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 576) (i32.const 2) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 12))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 640) (i32.const 3) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 13))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 640) (i32.const 3) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 14))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 640) (i32.const 3) (i32.const 16))
      (i32.const 76) (i32.const 15))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 640) (i32.const 3) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 16))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 640) (i32.const 3) (i32.const 16))
      (i32.const 76) (i32.const 17))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 640) (i32.const 3) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 18))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 704) (i32.const 13) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 19))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 704) (i32.const 13) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 20))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 704) (i32.const 13) (i32.const 16))
      (i32.const 76) (i32.const 21))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 704) (i32.const 13) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 22))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 704) (i32.const 13) (i32.const 16))
      (i32.const 76) (i32.const 23))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 704) (i32.const 13) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 24))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 768) (i32.const 3) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 25))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 768) (i32.const 3) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 26))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 768) (i32.const 3) (i32.const 16))
      (i32.const 76) (i32.const 27))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 832) (i32.const 4) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 28))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 832) (i32.const 4) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 29))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 832) (i32.const 4) (i32.const 16))
      (i32.const 76) (i32.const 30))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 832) (i32.const 4) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 31))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 832) (i32.const 4) (i32.const 16))
      (i32.const 76) (i32.const 32))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 832) (i32.const 4) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 33))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 896) (i32.const 14) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 34))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 896) (i32.const 14) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 35))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 896) (i32.const 14) (i32.const 16))
      (i32.const 76) (i32.const 36))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 896) (i32.const 14) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 37))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 896) (i32.const 14) (i32.const 16))
      (i32.const 76) (i32.const 38))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 896) (i32.const 14) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 39))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 960) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 40))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 960) (i32.const 5) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 41))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 960) (i32.const 5) (i32.const 16))
      (i32.const 76) (i32.const 42))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 960) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 43))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 960) (i32.const 5) (i32.const 16))
      (i32.const 76) (i32.const 44))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 960) (i32.const 5) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 45))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 15) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 46))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 15) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 47))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 15) (i32.const 16))
      (i32.const 76) (i32.const 48))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 15) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 49))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 15) (i32.const 16))
      (i32.const 76) (i32.const 50))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 1024) (i32.const 15) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 51))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 1088) (i32.const 20) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 52))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 1088) (i32.const 20) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 53))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 1088) (i32.const 20) (i32.const 16))
      (i32.const 76) (i32.const 54))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1088) (i32.const 20) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 55))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 1088) (i32.const 20) (i32.const 16))
      (i32.const 76) (i32.const 56))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 1088) (i32.const 20) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 57))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 1152) (i32.const 16) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 58))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 1152) (i32.const 16) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 59))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 1152) (i32.const 16) (i32.const 16))
      (i32.const 76) (i32.const 60))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1152) (i32.const 16) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 61))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 1152) (i32.const 16) (i32.const 16))
      (i32.const 76) (i32.const 62))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 1152) (i32.const 16) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 63))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 1216) (i32.const 6) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 64))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 1) (i32.const 1216) (i32.const 6) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 65))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 1216) (i32.const 6) (i32.const 16))
      (i32.const 76) (i32.const 66))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1216) (i32.const 6) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 76) (i32.const 67))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 1216) (i32.const 6) (i32.const 16))
      (i32.const 76) (i32.const 68))
    (call $expect
      (call $path_readlink (i32.const 3) (i32.const 1216) (i32.const 6) (i32.const 4096) (i32.const 64) (i32.const 16))
      (i32.const 76) (i32.const 69))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1344) (i32.const 7) (i32.const 1) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 69) (i32.const 70))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1280) (i32.const 9) (i32.const 8) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 69) (i32.const 71))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1280) (i32.const 9) (i32.const 9) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 69) (i32.const 72))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1344) (i32.const 7) (i32.const 5) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 69) (i32.const 73))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1280) (i32.const 9) (i32.const 0) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 69) (i32.const 74))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1280) (i32.const 9) (i32.const 8) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 69) (i32.const 75))
    (call $expect
      (call $path_create_directory (i32.const 3) (i32.const 1344) (i32.const 7))
      (i32.const 69) (i32.const 76))
    (call $expect
      (call $path_unlink_file (i32.const 3) (i32.const 1280) (i32.const 9))
      (i32.const 69) (i32.const 77))
    (call $expect
      (call $path_remove_directory (i32.const 3) (i32.const 1408) (i32.const 3))
      (i32.const 69) (i32.const 78))
    (call $expect
      (call $path_rename (i32.const 3) (i32.const 1280) (i32.const 9) (i32.const 3) (i32.const 1344) (i32.const 7))
      (i32.const 69) (i32.const 79))
    (call $expect
      (call $path_link (i32.const 3) (i32.const 0) (i32.const 1280) (i32.const 9) (i32.const 3) (i32.const 1344) (i32.const 7))
      (i32.const 69) (i32.const 80))
    (call $expect
      (call $path_symlink (i32.const 1280) (i32.const 9) (i32.const 3) (i32.const 1344) (i32.const 7))
      (i32.const 69) (i32.const 81))
    (call $expect
      (call $path_symlink (i32.const 1472) (i32.const 4) (i32.const 3) (i32.const 1344) (i32.const 7))
      (i32.const 76) (i32.const 82))
    (call $expect
      (call $path_filestat_set_times (i32.const 3) (i32.const 0) (i32.const 1280) (i32.const 9) (i64.const 0) (i64.const 0) (i32.const 10))
      (i32.const 69) (i32.const 83))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1280) (i32.const 9) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 0) (i32.const 84))
    (call $expect
      (call $fd_close (i32.const 4))
      (i32.const 0) (i32.const 85))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1408) (i32.const 12) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 0) (i32.const 86))
    (call $expect
      (call $fd_write (i32.const 4) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 76) (i32.const 87))
    (call $expect
      (call $fd_filestat_set_size (i32.const 4) (i64.const 0))
      (i32.const 76) (i32.const 88))
    (call $expect
      (call $fd_allocate (i32.const 4) (i64.const 0) (i64.const 10))
      (i32.const 76) (i32.const 89))
    (call $expect
      (call $fd_fdstat_set_rights (i32.const 4) (i64.const 66) (i64.const 0))
      (i32.const 76) (i32.const 90))))
