;; Dies when the host asks for room for what it hands over.
;; [realloc
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
;; ]
