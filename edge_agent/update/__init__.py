"""The update of one model: check → download → verify → stage → self-test → switch → confirm or roll back.

`transitions` is the table, `updater` walks it, the other modules each do one step. Whatever happens at whatever moment, the
`current` pointer names a slot that was verified and self-tested, or nothing at all when there never was one.
"""
