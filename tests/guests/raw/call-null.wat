;; Calls a function that is not there.
;; [more
(table $table 4 funcref)
(type $void (func))
;; ]
;; [attempt
(func $attempt (result i32)
  (call_indirect $table (type $void) (i32.const 3))
  (i32.const 512))
;; ]
