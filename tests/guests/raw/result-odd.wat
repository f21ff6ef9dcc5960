;; Its result lies at an odd address.
;; [attempt
(func $attempt (result i32) (i32.const 513))
;; ]
