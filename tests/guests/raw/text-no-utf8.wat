;; The data of its result is no UTF-8.
;; [more
(data (i32.const 2048) "{\"told\":\"\c3\28\"}...")
;; ]
;; [attempt
(func $attempt (result i32)
  (i32.store (i32.const 524) (i32.const 2048))
  (i32.store (i32.const 528) (i32.const 13))
  (i32.const 512))
;; ]
