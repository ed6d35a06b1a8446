"""The update of one model: check → download → verify → stage → self-test → switch → confirm or roll back.

`transitions` is the table of states, `updater` takes the steps up to the switch, `activation` those after it. The other
modules each do one step. At every moment, even after a power cut, the pointer names a slot that was verified and
self-tested, or no slot at all where there never was one.
"""
