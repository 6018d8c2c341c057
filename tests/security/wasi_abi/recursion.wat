;; Calls itself for ever; what is stored after the call keeps each frame alive.
(module
  (memory (export "memory") 1)
  (func $deeper (param $depth i32) (result i32)
    (local $below i32)
    (local.set $below (call $deeper (i32.add (local.get $depth) (i32.const 1))))
    (i32.store (i32.const 8) (local.get $depth))
    (i32.xor (local.get $below) (i32.load (i32.const 12))))
  (func (export "_start") (drop (call $deeper (i32.const 0)))))
