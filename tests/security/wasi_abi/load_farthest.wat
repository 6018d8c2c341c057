;; As far as an access can reach: address and offset both the largest.
(module
  (memory (export "memory") 1)
  (func (export "_start") (drop (i64.load offset=4294967295 (i32.const -1)))))
