;; A block of its result is of a kind that there is not.
;; [attempt
(func $attempt (result i32)
  (i32.store8 (i32.const 2048) (i32.const 9))
  (i32.store (i32.const 532) (i32.const 2048))
  (i32.store (i32.const 536) (i32.const 1))
  (i32.const 512))
;; ]
