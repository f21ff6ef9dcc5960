;; Has a function with 40,000 locals.
;; [more
(func (export "many")
;; times 4000 (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
)
;; ]
