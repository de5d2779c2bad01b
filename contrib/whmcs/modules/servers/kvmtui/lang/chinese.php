<?php

$_LANG['manage'] = '管理虚拟机';
$_LANG['start'] = '启动';
$_LANG['shutdown'] = '关机';
$_LANG['reboot'] = '重启';
$_LANG['name'] = '名称';
$_LANG['status'] = '状态';
$_LANG['address'] = 'IP 地址';
$_LANG['traffic'] = '本月流量';
$_LANG['in'] = '入站';
$_LANG['out'] = '出站';
$_LANG['unavailable'] = '当前无法连接虚拟机，请稍后重试。';
$_LANG['forbidden'] = '您的套餐不包含此功能。';
$_LANG['state_running'] = '运行中';
$_LANG['state_stopped'] = '已停止';
$_LANG['state_suspended'] = '已暂停';
$_LANG['state_installing'] = '正在安装';
$_LANG['state_changing'] = '正在变更';
$_LANG['state_removed'] = '已删除';
$_LANG['state_unknown'] = '未知';
