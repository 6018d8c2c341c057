;; An interpreter for agent-core whose programs are one letter, the attack that they are: the code
;; comes as the third argument. See test_attack_abi.py.
(module
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (type $plain (func))
  (type $other (func (param i64)))
  (table 4 funcref)
  (elem (i32.const 0) $other)
  (func $other (param i64))
  (data (i32.const 256) "\00\01\00\00\06\00\00\00")
  (data (i32.const 512) "hello\n")
  (func $is (param $letter i32) (result i32)
    (i32.eq (i32.load8_u (i32.load (i32.const 8))) (local.get $letter)))
  (func $deeper (param $depth i32) (result i32)
    (local $below i32)
    (local.set $below (call $deeper (i32.add (local.get $depth) (i32.const 1))))
    (i32.store (i32.const 65536) (local.get $depth)) ;; so that no compiler makes a loop of it
    (i32.add (local.get $below) (local.get $depth)))
  (func $flood (param $fd i32)
    ;; From the second page on, so that the arguments stay.
    (i32.store (i32.const 256) (i32.const 65536))
    (i32.store (i32.const 260) (i32.const 65536))
    (memory.fill (i32.const 65536) (i32.const 120) (i32.const 65536))
    (loop $again
      (drop (call $fd_write (local.get $fd) (i32.const 256) (i32.const 1) (i32.const 264)))
      (br $again)))
  (func $grow (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))))
  ;; How often the canary stands in memory.
  (func $count (result i32)
    (local $at i32)
    (local $count i32)
    (local $end i32)
    (local.set $end (i32.mul (memory.size) (i32.const 65536)))
    (loop $next
      (if (i64.eq (i64.load (local.get $at)) (i64.mul (i64.const 0x0f1e2d3c4b5a6978) (i64.const 3)))
        (then (local.set $count (i32.add (local.get $count) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $count))
  ;; Everywhere from the second page on.
  (func $paint
    (local $at i32)
    (local $end i32)
    (local.set $end (i32.mul (memory.size) (i32.const 65536)))
    (local.set $at (i32.const 65536))
    (loop $next
      (i64.store (local.get $at) (i64.mul (i64.const 0x0f1e2d3c4b5a6978) (i64.const 3)))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))
  (func $answer (param $found i32)
    (call $proc_exit (select (i32.const 66) (i32.const 0) (local.get $found))))
  (func $muddle
    (local $number i32)
    (local.set $number (i32.const 0))
    (loop $next
      (drop (call $fd_renumber (i32.const 1) (local.get $number)))
      (drop (call $fd_renumber (local.get $number) (i32.const 3)))
      (drop (call $fd_close (local.get $number)))
      (local.set $number (i32.add (local.get $number) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $number) (i32.const 2000))))
    (call $proc_exit (i32.const 7)))
  (func (export "_start")
    (drop (call $args_get (i32.const 0) (i32.const 1024)))
    (if (call $is (i32.const 97)) (then unreachable)) ;; a
    (if (call $is (i32.const 98)) (then (i64.store (i32.const -8) (i64.const 1)))) ;; b
    (if (call $is (i32.const 99)) (then (drop (call $deeper (i32.const 0))))) ;; c
    (if (call $is (i32.const 100)) (then (call $proc_exit (i32.const 256)))) ;; d
    (if (call $is (i32.const 101)) (then (call $proc_exit (i32.const -1)))) ;; e
    (if (call $is (i32.const 102)) (then (call $flood (i32.const 1)))) ;; f
    (if (call $is (i32.const 103)) (then (call $flood (i32.const 2)))) ;; g
    (if (call $is (i32.const 104)) (then (call_indirect (type $plain) (i32.const 0)))) ;; h
    (if (call $is (i32.const 105)) (then (call_indirect (type $plain) (i32.const 1)))) ;; i
    (if (call $is (i32.const 106)) (then (call_indirect (type $plain) (i32.const 1000)))) ;; j
    (if (call $is (i32.const 107)) (then (call $muddle))) ;; k
    (if (call $is (i32.const 108)) (then (loop $again (br $again)))) ;; l
    (if (call $is (i32.const 109)) ;; m
      (then
        (i32.store (i32.const 528) (i32.const 1))
        (i64.store (i32.const 536) (i64.const -1))
        (drop (call $poll_oneoff (i32.const 512) (i32.const 768) (i32.const 1) (i32.const 264)))))
    (if (call $is (i32.const 110)) ;; n: polls what is over, for ever
      (then
        (i32.store (i32.const 528) (i32.const 1))
        (loop $again
          (drop (call $poll_oneoff (i32.const 512) (i32.const 768) (i32.const 1) (i32.const 264)))
          (br $again))))
    (if (call $is (i32.const 111)) (then (call $grow) (call $paint) (call $answer (call $count)))) ;; o
    (if (call $is (i32.const 112)) (then (call $grow) (call $answer (call $count)))) ;; p
    (if (call $is (i32.const 113)) (then (memory.copy (i32.const 0) (i32.const 131064) (i32.const 9)))) ;; q
    (if (call $is (i32.const 114)) (then (drop (i32.div_s (i32.const 1) (i32.load (i32.const 65536)))))) ;; r
    (i32.store (i32.const 256) (i32.const 512))
    (drop (call $fd_write (i32.const 1) (i32.const 256) (i32.const 1) (i32.const 264)))))
