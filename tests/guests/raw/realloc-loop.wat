;; Does not come back when the host asks for room.
;; [realloc
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop $again (br $again)) (unreachable))
;; ]
