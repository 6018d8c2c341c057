;; More at its start than the limit allows.
(module
  (memory (export "memory") 32)
  (func (export "_start")))
