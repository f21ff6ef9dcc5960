;; One instruction writes 8 MiB, again and again.
;; [memory
(memory (export "memory") 160)
;; ]
;; [attempt
(func $attempt (result i32)
  (loop $again
    (memory.fill (i32.const 131072) (i32.const 170) (i32.const 8388608))
    (br $again))
  (unreachable))
;; ]
