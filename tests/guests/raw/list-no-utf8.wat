;; Lists a tool whose description is no UTF-8.
;; [list
(func (export "nexus:shard/tools@0.1.0#list-tools") (result i32)
  (i32.store8 (i32.const 1056) (i32.const 255))
  (i32.const 112))
;; ]
