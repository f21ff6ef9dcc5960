;; Gives the host the same room each time, so that what it hands over lies one upon the other.
;; [realloc
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
;; ]
