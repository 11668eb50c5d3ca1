import { onScopeDispose } from 'vue'

const typing = 'input, textarea, select, [contenteditable], [role="combobox"]'

/** Space pins the next product, from anywhere but a text field, a dialog, or a button reached by Tab. */
export function useSpaceKey(quiet: () => boolean, act: () => void): void {
  let tabbing = false
  const onPointer = (): void => void (tabbing = false)
  function onKey(event: KeyboardEvent): void {
    if (event.code === 'Tab') tabbing = true
    if (event.code !== 'Space' || event.repeat || event.ctrlKey || event.metaKey || event.altKey || quiet()) return
    const target = event.target as HTMLElement
    const button = target.closest<HTMLElement>('button, a')
    if (target.closest(typing) || (button && tabbing)) return
    event.preventDefault()
    // A dialog that closes gives the focus back to the button that opened it.
    button?.blur()
    act()
  }
  /** A clicked button gives the keyboard back, so that space doesn't press it again. */
  function onClick(event: MouseEvent): void {
    const button = (event.target as HTMLElement).closest?.('.control button')
    if (event.detail > 0 && button instanceof HTMLElement) button.blur()
  }
  addEventListener('keydown', onKey)
  addEventListener('pointerdown', onPointer)
  addEventListener('click', onClick)
  onScopeDispose(() => {
    removeEventListener('keydown', onKey)
    removeEventListener('pointerdown', onPointer)
    removeEventListener('click', onClick)
  })
}

/** The browser asks before the page is left while `busy`. */
export function useLeaveQuestion(busy: () => boolean): void {
  const onLeave = (event: BeforeUnloadEvent): void => {
    if (busy()) event.preventDefault()
  }
  addEventListener('beforeunload', onLeave)
  onScopeDispose(() => removeEventListener('beforeunload', onLeave))
}
