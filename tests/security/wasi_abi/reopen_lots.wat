;; Opens a file until no more can be opened (nfile, 41), closes all, ten times over.
;; Exits with the number of the check that failed.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "hello.txt")
  (func $expect (param $got i32) (param $want i32) (param $number i32)
    (if (i32.ne (local.get $got) (local.get $want))
      (then (call $proc_exit (local.get $number)))))
  (func (export "_start")
    (local $round i32)
    (local $last i32)
    (local $answer i32)
    ;; The shown folder is 5, behind scratch (3 and 4); it and nothing else is left, as 3.
    (call $expect (call $fd_renumber (i32.const 5) (i32.const 3)) (i32.const 0) (i32.const 240))
    (call $expect (call $fd_close (i32.const 4)) (i32.const 0) (i32.const 241))
    (call $expect (call $fd_close (i32.const 6)) (i32.const 0) (i32.const 242))
    (loop $rounds
      (local.set $last (i32.const 3))
      (loop $open
        (local.set $answer
          (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 0)
            (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
        (if (i32.eqz (local.get $answer))
          (then
            (local.set $last (i32.add (local.get $last) (i32.const 1)))
            (call $expect (i32.load (i32.const 16)) (local.get $last) (i32.const 1))
            (br $open))))
      ;; The table's end, or the process's: nfile or mfile.
      (call $expect
        (i32.or (i32.eq (local.get $answer) (i32.const 41)) (i32.eq (local.get $answer) (i32.const 33)))
        (i32.const 1) (i32.const 2))
      (call $expect (i32.gt_s (local.get $last) (i32.const 100)) (i32.const 1) (i32.const 3))
      (loop $close
        (call $expect (call $fd_close (local.get $last)) (i32.const 0) (i32.const 4))
        (local.set $last (i32.sub (local.get $last) (i32.const 1)))
        (br_if $close (i32.gt_s (local.get $last) (i32.const 3))))
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $rounds (i32.lt_s (local.get $round) (i32.const 10))))))
