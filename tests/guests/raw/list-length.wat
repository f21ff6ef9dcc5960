;; Lists half a billion tools.
;; [list
(func (export "nexus:shard/tools@0.1.0#list-tools") (result i32)
  (i32.store (i32.const 116) (i32.const 0x20000000))
  (i32.const 112))
;; ]
