;; Does not come back when the host has read its result.
;; [more
(func (export "cabi_post_nexus:shard/tools@0.1.0#call-tool") (param i32) (loop $again (br $again)))
;; ]
