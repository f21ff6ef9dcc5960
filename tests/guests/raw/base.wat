;; A shard by hand: one tool, `corpus_go`, which answers. `scripts/build-guests` makes a component of each file beside
;; this one by putting its blocks in the place of the blocks of the same name here. A call whose arguments have a digit
;; other than 0 does what $attempt does; any other call is answered.
(module
  ;; [imports
  ;; ]
  ;; [memory
  (memory (export "memory") 2)
  ;; ]
  ;; [more
  ;; ]

  ;; list-tools: one tool at 128. A record of four strings, an optional one, an enum and four booleans.
  (data (i32.const 112) "\80\00\00\00\01\00\00\00")
  (data (i32.const 128)
    "\00\04\00\00\09\00\00\00" ;; name
    "\10\04\00\00\02\00\00\00" ;; title
    "\20\04\00\00\1b\00\00\00" ;; description
    "\40\04\00\00\11\00\00\00" ;; input-schema
    "\01\00\00\00\60\04\00\00\11\00\00\00" ;; output-schema
    "\00\01\00\01\00")
  (data (i32.const 1024) "corpus_go")
  (data (i32.const 1040) "Go")
  (data (i32.const 1056) "Tries what its shard tries.")
  (data (i32.const 1088) "{\"type\":\"object\"}")
  (data (i32.const 1120) "{\"type\":\"object\"}")
  ;; [list
  (func (export "nexus:shard/tools@0.1.0#list-tools") (result i32) (i32.const 112))
  ;; ]

  ;; An answer at 512: ok, done, data, no content, complete, no notes. Another at 576 says `refused`.
  (data (i32.const 512)
    "\00\00\00\00\00\00\00\00\01\00\00\00\00\05\00\00\13\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 1280) "{\"told\":\"answered\"}")
  (data (i32.const 576)
    "\00\00\00\00\00\00\00\00\01\00\00\00\20\05\00\00\12\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 1312) "{\"told\":\"refused\"}")

  (func $goes_far (param $at i32) (param $length i32) (result i32)
    (local $byte i32)
    (loop $next
      (if (i32.eqz (local.get $length)) (then (return (i32.const 0))))
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.and (i32.ge_u (local.get $byte) (i32.const 49)) (i32.le_u (local.get $byte) (i32.const 57)))
        (then (return (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (br $next))
    (unreachable))

  ;; name, arguments, context: call-id, remaining-ms, settings, and what was resumed.
  (func (export "nexus:shard/tools@0.1.0#call-tool")
    (param i32 i32) (param $arguments i32) (param $length i32)
    (param i32 i32 i64 i32 i32) (param i32 i32 i32 i32 i32)
    (result i32)
    (if (call $goes_far (local.get $arguments) (local.get $length)) (then (return (call $attempt))))
    (i32.const 512))

  ;; [attempt
  (func $attempt (result i32) (i32.const 512))
  ;; ]

  ;; [realloc
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  ;; ]
)
