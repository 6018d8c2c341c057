;; Buffers that lie over what the host is told by: vectors, results, paths, subscriptions.
;; Exits with the number of the check that failed.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite"
    (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread"
    (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "file")
  (func $expect (param $got i32) (param $want i32) (param $number i32)
    (if (i32.ne (local.get $got) (local.get $want))
      (then (call $proc_exit (local.get $number)))))
  (func $vector (param $at i32) (param $address i32) (param $size i32)
    (i32.store (local.get $at) (local.get $address))
    (i32.store offset=4 (local.get $at) (local.get $size)))
  (func (export "_start")
    (local $file i32)
    ;; A file in scratch: what looks like a vector to 4096, then 0x2222222222222222.
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 4) (i32.const 1)
        (i64.const 70) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 0) (i32.const 1))
    (local.set $file (i32.load (i32.const 16)))
    (call $vector (i32.const 1024) (i32.const 4096) (i32.const 8))
    (i64.store (i32.const 1032) (i64.const 0x2222222222222222))
    (call $vector (i32.const 256) (i32.const 1024) (i32.const 16))
    (call $expect
      (call $fd_pwrite (local.get $file) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 0) (i32.const 2))
    ;; The first vector's bytes go over the second vector: that has been read by then.
    (call $vector (i32.const 256) (i32.const 264) (i32.const 8))
    (call $vector (i32.const 264) (i32.const 2048) (i32.const 8))
    (call $expect
      (call $fd_pread (local.get $file) (i32.const 256) (i32.const 2) (i64.const 0) (i32.const 16))
      (i32.const 0) (i32.const 3))
    (call $expect (i32.load (i32.const 16)) (i32.const 16) (i32.const 4))
    (call $expect
      (i64.eq (i64.load (i32.const 2048)) (i64.const 0x2222222222222222)) (i32.const 1) (i32.const 5))
    (call $expect (i64.eqz (i64.load (i32.const 4096))) (i32.const 1) (i32.const 6))
    (call $expect (i32.load (i32.const 264)) (i32.const 4096) (i32.const 7))
    ;; The number of bytes goes over the vector.
    (call $vector (i32.const 256) (i32.const 2048) (i32.const 8))
    (call $expect
      (call $fd_pread (local.get $file) (i32.const 256) (i32.const 1) (i64.const 8) (i32.const 256))
      (i32.const 0) (i32.const 8))
    (call $expect (i32.load (i32.const 256)) (i32.const 8) (i32.const 9))
    ;; A vector that is written to the file itself.
    (call $vector (i32.const 256) (i32.const 256) (i32.const 8))
    (call $expect
      (call $fd_pwrite (local.get $file) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 0) (i32.const 10))
    ;; Two vectors over each other.
    (call $vector (i32.const 256) (i32.const 3000) (i32.const 8))
    (call $vector (i32.const 264) (i32.const 3004) (i32.const 8))
    (call $expect
      (call $fd_pread (local.get $file) (i32.const 256) (i32.const 2) (i64.const 0) (i32.const 16))
      (i32.const 0) (i32.const 11))
    (call $expect (i32.load (i32.const 3000)) (i32.const 256) (i32.const 12))
    (call $expect
      (i64.eq (i64.load (i32.const 3004)) (i64.const 0x2222222222222222)) (i32.const 1) (i32.const 13))
    ;; The result over the path.
    (i32.store (i32.const 600) (i32.load (i32.const 512)))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 600) (i32.const 4) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 600))
      (i32.const 0) (i32.const 14))
    (call $expect (i32.load (i32.const 600)) (i32.add (local.get $file) (i32.const 1)) (i32.const 15))
    ;; One path for both names.
    (call $expect
      (call $path_rename (i32.const 3) (i32.const 512) (i32.const 4)
        (i32.const 3) (i32.const 512) (i32.const 4))
      (i32.const 0) (i32.const 16))
    ;; Events over subscriptions: two clocks that are over, and the events begin 16 bytes further.
    (memory.fill (i32.const 5000) (i32.const 0) (i32.const 200))
    (i64.store (i32.const 5000) (i64.const 11))
    (i32.store (i32.const 5016) (i32.const 1))
    (i64.store (i32.const 5048) (i64.const 12))
    (i32.store (i32.const 5064) (i32.const 1))
    (call $expect
      (call $poll_oneoff (i32.const 5000) (i32.const 5016) (i32.const 2) (i32.const 16))
      (i32.const 0) (i32.const 17))
    (call $expect (i32.load (i32.const 16)) (i32.const 2) (i32.const 18))
    (call $expect (i32.wrap_i64 (i64.load (i32.const 5016))) (i32.const 11) (i32.const 19))
    (call $expect (i32.wrap_i64 (i64.load (i32.const 5048))) (i32.const 12) (i32.const 20))
    ;; Both results at one place; pointers and text of the arguments too.
    (call $expect (call $args_sizes_get (i32.const 16) (i32.const 16)) (i32.const 0) (i32.const 21))
    (call $expect (call $args_get (i32.const 6000) (i32.const 6000)) (i32.const 0) (i32.const 22))))
