/** A modal dialog on the browser's own: focus stays inside, Escape closes, focus returns. */
import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button } from "./button.tsx";

interface ModalProps {
  isOpen: boolean;
  onClose(): void;
  labelledBy: string;
  className: string;
  /** An alertdialog interrupts to ask; a dialog is something that was opened. */
  role?: "alertdialog";
  children: ReactNode;
}

/** The first control inside gets the focus. */
export function Modal({ isOpen, onClose, labelledBy, className, role, children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen && dialog.current?.open === false) dialog.current.showModal();
    if (!isOpen) dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog
      ref={dialog}
      {...(role === undefined ? {} : { role })}
      aria-labelledby={labelledBy}
      closedby="any"
      onClose={onClose}
      className={className}
    >
      {isOpen && children}
    </dialog>
  );
}

interface ConfirmProps {
  isOpen: boolean;
  title: string;
  /** What is lost or interrupted. */
  children: ReactNode;
  confirm: string;
  look?: "primary" | "danger";
  onCancel(): void;
  onConfirm(): void;
}

/** Asks before something is interrupted or lost; Cancel comes first, so it has the focus. */
export function ConfirmDialog(props: ConfirmProps) {
  const { isOpen, title, children, confirm, look = "primary", onCancel, onConfirm } = props;
  const id = useId();
  return (
    <Modal
      isOpen={isOpen}
      onClose={onCancel}
      labelledBy={id}
      role="alertdialog"
      className="m-auto w-[min(30rem,calc(100vw-2rem))] rounded-xl border border-line bg-panel p-5 text-ink"
    >
      <h2 id={id} className="mb-2 text-base font-semibold">
        {title}
      </h2>
      <div className="text-muted">{children}</div>
      <div className="mt-5 flex flex-wrap justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button look={look} onClick={onConfirm}>
          {confirm}
        </Button>
      </div>
    </Modal>
  );
}
