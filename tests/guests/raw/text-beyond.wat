;; The data of its result has 4 GiB.
;; [attempt
(func $attempt (result i32)
  (i32.store (i32.const 528) (i32.const -1))
  (i32.const 512))
;; ]
