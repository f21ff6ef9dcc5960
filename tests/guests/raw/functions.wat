;; Has 20,000 functions.
;; [more
;; times 20000 (func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
;; ]
