;; Its result has a million notes without a letter: 8 MB of zeros in its memory.
;; [memory
(memory (export "memory") 160)
;; ]
;; [attempt
(func $attempt (result i32)
  (i32.store (i32.const 544) (i32.const 131072))
  (i32.store (i32.const 548) (i32.const 1000000))
  (i32.const 512))
;; ]
