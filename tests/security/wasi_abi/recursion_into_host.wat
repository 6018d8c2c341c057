;; Calls itself for ever and asks the host something at each depth, so that the stack ends in the
;; middle of a host function, whose frames are larger. The guest's guard must catch that too: it is
;; no fault of the host.
(module
  (import "wasi_snapshot_preview1" "fd_filestat_get"
    (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func $deeper (param $depth i32) (result i32)
    (local $answers i32)
    (local.set $answers (call $fd_filestat_get (i32.const 3) (i32.const 64)))
    (local.set $answers
      (i32.add (local.get $answers)
        (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 64))))
    (local.set $answers
      (i32.xor (local.get $answers)
        (call $deeper (i32.add (local.get $depth) (i32.const 1)))))
    (i32.store (i32.const 8192) (local.get $depth))
    (local.get $answers))
  (func (export "_start") (drop (call $deeper (i32.const 0)))))
