export function DockPanel() { return null; }
