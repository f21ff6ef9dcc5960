;; Its result has half a billion notes.
;; [attempt
(func $attempt (result i32)
  (i32.store (i32.const 544) (i32.const 2048))
  (i32.store (i32.const 548) (i32.const 0x20000000))
  (i32.const 512))
;; ]
