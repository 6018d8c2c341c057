;; Not a command.
(module
  (memory (export "memory") 1)
  (func (export "run")))
