;; One instruction moves 8 MiB by one byte, again and again.
;; [memory
(memory (export "memory") 160)
;; ]
;; [attempt
(func $attempt (result i32)
  (loop $again
    (memory.copy (i32.const 131073) (i32.const 131072) (i32.const 8388608))
    (br $again))
  (unreachable))
;; ]
