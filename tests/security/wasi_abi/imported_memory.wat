;; Memory that someone else would have to give.
(module
  (import "env" "memory" (memory 1))
  (func (export "_start")))
